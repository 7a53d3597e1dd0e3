// Our registry and upstream's cmd-registry-k8s over the same objects, both with identities: each takes over from the other.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type NetworkServiceEndpoint, NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import type { UnknownObject } from "@nsmkit/kube";
import { Context } from "@nsmkit/sdk/chain";
import { spiffeIdentity } from "@nsmkit/sdk/identity";
import { connectRegistry, nseRules, nsRules } from "@nsmkit/sdk/registry";
import { createTestCa, fakeWorkloadApi, type TestCa } from "@nsmkit/sdk/testing";
import { dial, type Identity } from "@nsmkit/sdk/transport";
import { Program } from "../programs/program.ts";
import { controlPlaneMissing, freePort } from "./control-plane.ts";
import { NsmkitMesh, namespace } from "./nsmkit-mesh.ts";
import { upstreamMissing, upstreamProgram } from "./upstream.ts";

type Init = MessageInitShape<typeof NetworkServiceEndpointSchema>;
const nses = {
  group: "networkservicemesh.io",
  version: "v1",
  kind: "NetworkServiceEndpoint",
  plural: "networkserviceendpoints",
  namespaced: true,
};
const context = (): Context => new Context({ signal: AbortSignal.timeout(15_000) });
const entry = (name: string, init: Init = {}): NetworkServiceEndpoint =>
  create(NetworkServiceEndpointSchema, {
    name,
    url: "tcp://10.0.0.9:5001",
    networkServiceNames: ["web"],
    networkServiceLabels: { web: { labels: { app: "x" } } },
    ...init,
  });

/** A registry of either make, as one identity sees it. */
class Seen implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly registry;

  constructor(url: string, identity: Identity) {
    const channel = this.#stack.use(dial(url, { identity, dialTimeoutMs: 5_000 }));
    this.registry = connectRegistry({ channel, identity, dialTimeoutMs: 5_000 });
  }

  async names(pattern: Init = {}): Promise<string[]> {
    const names: string[] = [];
    const query = nseRules.query(create(NetworkServiceEndpointSchema, pattern), false);
    for await (const { networkServiceEndpoint: found } of this.registry.endpoints.find(context(), query))
      if (found) names.push(found.name);
    return names.sort();
  }

  register(init: NetworkServiceEndpoint): Promise<NetworkServiceEndpoint> {
    return this.registry.endpoints.request(context(), nseRules.copy(init));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

const skip = controlPlaneMissing() ?? upstreamMissing("cmd-registry-k8s") ?? false;

describe("our registry and upstream's over the same objects", { skip, timeout: 120_000 }, () => {
  let mesh: NsmkitMesh;
  let ca: TestCa;
  let theirs: ChildProcess | undefined;
  let ours: Program | undefined;
  const urls = { ours: "", theirs: "" };
  const log: string[] = [];
  const stack = new AsyncDisposableStack();

  before(async () => {
    mesh = stack.use(await NsmkitMesh.start());
    ca = await createTestCa();
    const agent = async (name: string): Promise<string> => {
      const api = stack.use(await fakeWorkloadApi(`unix://${mesh.folder}/agent-${name}.sock`));
      api.rotate(await ca.svid({ path: `/${name}` }));
      return api.endpoint;
    };
    const pod = mesh.pod("Deployment", "registry-k8s");
    ours = new Program("nsm-registry", {
      ...mesh.environment(pod),
      KUBECONFIG: await mesh.kubeconfig(pod.serviceAccountName ?? ""),
      NSM_LISTEN_ON: "tcp://127.0.0.1:0",
      SPIFFE_ENDPOINT_SOCKET: await agent("ours"),
    });
    stack.use(ours);
    urls.ours = ((await ours.log("serving", { timeoutMs: 20_000 })).urls as string[])[0] ?? "";
    urls.theirs = `tcp://127.0.0.1:${await freePort()}`;
    theirs = spawn(upstreamProgram("cmd-registry-k8s") ?? "", [], {
      cwd: mesh.folder,
      env: {
        // It updates whole objects, which the registry of our own mesh has no right to.
        KUBECONFIG: await mesh.plane.kubeconfig(),
        NSM_NAMESPACE: namespace,
        NSM_LISTEN_ON: urls.theirs,
        NSM_LOG_LEVEL: "WARN",
        SPIFFE_ENDPOINT_SOCKET: await agent("theirs"),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [theirs.stdout, theirs.stderr]) stream?.on("data", (chunk) => log.push(String(chunk)));
    stack.defer(async () => {
      if (theirs?.exitCode !== null || !theirs.kill("SIGKILL")) return;
      await once(theirs, "exit");
    });
    await using probe = await see("theirs", "probe");
    await until(
      () => probe.names().catch(() => undefined),
      (names) => names !== undefined,
    );
  });
  after(async () => {
    await stack.disposeAsync();
  });

  async function until<T>(look: () => Promise<T>, wanted: (value: T) => boolean, timeoutMs = 20_000): Promise<T> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const value = await look();
      if (wanted(value)) return value;
      assert.ok(performance.now() < end, `${JSON.stringify(value)}\n${log.join("").slice(-3000)}`);
      await sleep(50);
    }
  }

  async function see(make: "ours" | "theirs", who: string): Promise<Seen> {
    const identity = stack.use(await spiffeIdentity({ source: ca.source({ path: `/${who}` }) }));
    return new Seen(urls[make], identity);
  }

  const specOf = async (name: string): Promise<Record<string, unknown>> => {
    const object = (await mesh.admin.get(nses, { namespace, name })) as UnknownObject & {
      spec: Record<string, unknown>;
    };
    return object.spec;
  };
  const shape = (spec: Record<string, unknown>): unknown => {
    const { expiration_time, initial_registration_time, path_ids, ...rest } = spec;
    const times = [expiration_time, initial_registration_time].map((time) => Object.keys(time as object).sort());
    return {
      ...rest,
      name: undefined,
      times: times.map((keys) => keys.every((key) => ["nanos", "seconds"].includes(key))),
      path: (path_ids as unknown[]).length,
    };
  };

  test("both write an endpoint in the same form", async () => {
    await using a = await see("ours", "nse-a");
    await using b = await see("theirs", "nse-b");
    // As an nsmgr sends it: upstream stores the end that the caller asks for, ours the one that it grants.
    const expirationTime = timestampFromMs(Date.now() + 50_123);
    await a.register(entry("by-ours", { expirationTime }));
    await b.register(entry("by-theirs", { expirationTime }));
    const [own, foreign] = [await specOf("by-ours"), await specOf("by-theirs")];
    assert.deepEqual(shape(own), shape(foreign));
    assert.deepEqual(Object.keys(own).sort(), Object.keys(foreign).sort());
    assert.equal((foreign.path_ids as string[])[0], "spiffe://test.nsmkit/nse-b");
    assert.equal((own.path_ids as string[])[0], "spiffe://test.nsmkit/nse-a");
  });

  test("what one registered, the other finds, renews and removes", async () => {
    for (const [first, second] of [
      ["ours", "theirs"],
      ["theirs", "ours"],
    ] as const) {
      const name = `from-${first}`;
      await using a = await see(first, name);
      await using b = await see(second, name);
      const made = await a.register(entry(name));
      await until(
        () => b.names({ name }),
        (names) => names.join() === name,
      );
      await until(
        () => b.names({ networkServiceNames: ["web"] }),
        (names) => names.includes(name),
      );
      await sleep(20);
      const renewed = await b.register(
        entry(name, { url: "tcp://10.0.0.10:5001", initialRegistrationTime: made.initialRegistrationTime as never }),
      );
      assert.deepEqual(renewed.initialRegistrationTime, made.initialRegistrationTime);
      assert.equal((await specOf(name)).url, "tcp://10.0.0.10:5001");
      await b.registry.endpoints.close(context(), entry(name));
      await until(
        () => a.names({ name }),
        (names) => names.length === 0,
      );
    }
  });

  test("a service of either make has the same form and is found by both", async () => {
    const matches = [
      { sourceSelector: { app: "a" }, routes: [{ destinationSelector: { app: "b" } }], fallthrough: true },
    ];
    for (const [first, second] of [
      ["ours", "theirs"],
      ["theirs", "ours"],
    ] as const) {
      const name = `service-${first}`;
      await using a = await see(first, name);
      await using b = await see(second, name);
      await a.registry.services.request(
        context(),
        create(NetworkServiceSchema, { name, payload: "ETHERNET", matches }),
      );
      const found = await until(
        async () => {
          for await (const each of b.registry.services.find(
            context(),
            nsRules.query(create(NetworkServiceSchema, { name }), false),
          ))
            return each.networkService;
          return undefined;
        },
        (service) => service !== undefined,
      );
      assert.deepEqual(
        [found?.payload, found?.matches[0]?.sourceSelector, found?.matches[0]?.fallthrough],
        ["ETHERNET", { app: "a" }, true],
      );
    }
    const services = { ...nses, kind: "NetworkService", plural: "networkservices" };
    const [own, foreign] = await Promise.all(
      ["ours", "theirs"].map(async (make) => {
        const object = await mesh.admin.get<UnknownObject>(services, { namespace, name: `service-${make}` });
        const { name: _name, path_ids: _path, ...spec } = object.spec as Record<string, unknown>;
        return spec;
      }),
    );
    assert.deepEqual(own, foreign);
  });

  test("an endpoint that upstream's registry left behind when it died is removed by ours", async () => {
    await using b = await see("theirs", "left-behind");
    await b.register(entry("left-behind", { expirationTime: timestampFromMs(Date.now() + 2_000) }));
    theirs?.kill("SIGKILL");
    await using a = await see("ours", "probe");
    await until(
      () => a.names({ name: "left-behind" }),
      (names) => names.length === 1,
    );
    await until(
      () => a.names({ name: "left-behind" }),
      (names) => names.length === 0,
    );
    assert.equal(await mesh.admin.find(nses, { namespace, name: "left-behind" }), undefined);
  });
});

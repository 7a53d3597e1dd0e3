// Replicas of nsm-registry as processes of their own over a real API server, with the rights that the operator gives.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type NetworkServiceEndpoint, NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import type { UnknownObject } from "@nsmkit/kube";
import { insecureIdentity } from "@nsmkit/sdk";
import { Context } from "@nsmkit/sdk/chain";
import { connectRegistry, nseRules, type Registry } from "@nsmkit/sdk/registry";
import { type Channel, dial } from "@nsmkit/sdk/transport";
import { Program } from "../programs/program.ts";
import { controlPlaneMissing } from "./control-plane.ts";
import { NsmkitMesh, namespace } from "./nsmkit-mesh.ts";

const nses = {
  group: "networkservicemesh.io",
  version: "v1",
  kind: "NetworkServiceEndpoint",
  plural: "networkserviceendpoints",
  namespaced: true,
};
type Init = MessageInitShape<typeof NetworkServiceEndpointSchema>;

const entry = (name: string, init: Init = {}): NetworkServiceEndpoint =>
  create(NetworkServiceEndpointSchema, { name, url: "tcp://10.0.0.9:5001", networkServiceNames: ["web"], ...init });

class Replica implements AsyncDisposable {
  readonly program: Program;
  /** Keeps nothing registered by itself. */
  readonly client: Registry;
  readonly #channel: Channel;
  readonly url: string;

  private constructor(program: Program, url: string) {
    this.program = program;
    this.url = url;
    const identity = insecureIdentity({ name: "test" });
    this.#channel = dial(url, { identity });
    this.client = connectRegistry({ channel: this.#channel, identity });
  }

  static async start(env: Record<string, string>): Promise<Replica> {
    const program = new Program("nsm-registry", env);
    try {
      const { urls } = await program.log("serving", { timeoutMs: 30_000 });
      return new Replica(program, (urls as string[])[0] ?? "");
    } catch (error) {
      await program.kill();
      throw error;
    }
  }

  register(init: NetworkServiceEndpoint): Promise<NetworkServiceEndpoint> {
    return this.client.endpoints.request(context(), nseRules.copy(init));
  }

  unregister(name: string): Promise<void> {
    return this.client.endpoints.close(context(), entry(name));
  }

  async find(pattern: Init = {}): Promise<NetworkServiceEndpoint[]> {
    const found: NetworkServiceEndpoint[] = [];
    const query = nseRules.query(create(NetworkServiceEndpointSchema, pattern), false);
    for await (const each of this.client.endpoints.find(context(), query))
      if (each.networkServiceEndpoint) found.push(each.networkServiceEndpoint);
    return found;
  }

  async names(pattern: Init = {}): Promise<string[]> {
    return (await this.find(pattern)).map(({ name }) => name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel.close();
    await this.program.kill();
  }
}

const context = (signal = AbortSignal.timeout(20_000)): Context => new Context({ signal });

async function until<T>(look: () => Promise<T>, wanted: (value: T) => boolean, timeoutMs = 15_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (wanted(value)) return value;
    assert.ok(performance.now() < end, `after ${timeoutMs} ms: ${JSON.stringify(value)?.slice(0, 500)}`);
    await sleep(20);
  }
}

const is = (names: readonly string[]) => (found: readonly string[]) => found.join() === names.join();

describe("replicas of nsm-registry over a real API server", {
  skip: controlPlaneMissing() ?? false,
  timeout: 240_000,
}, () => {
  let mesh: NsmkitMesh;
  let env: Record<string, string>;
  before(async () => {
    mesh = await NsmkitMesh.start();
    const pod = mesh.pod("Deployment", "registry-k8s");
    env = {
      ...mesh.environment(pod),
      KUBECONFIG: await mesh.kubeconfig(pod.serviceAccountName ?? ""),
      NSM_LISTEN_ON: "tcp://127.0.0.1:0",
    };
  });
  after(async () => {
    await mesh?.close();
  });
  const clear = async (): Promise<void> => {
    for (const { metadata } of (await mesh.admin.list(nses)).items)
      await mesh.admin.delete(nses, { namespace, name: metadata.name ?? "" });
  };

  test("what is registered at one is found and watched at the other; its object is upstream's", async () => {
    await using a = await Replica.start(env);
    await using b = await Replica.start(env);
    const told: string[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      const query = nseRules.query(create(NetworkServiceEndpointSchema, { networkServiceNames: ["web"] }), true);
      for await (const { networkServiceEndpoint: found, deleted } of b.client.endpoints.find(
        context(stop.signal),
        query,
      ))
        told.push(`${deleted ? "-" : "+"}${found?.name}`);
    })().catch(() => {});
    const reply = await a.register(entry("nse-1", { networkServiceLabels: { web: { labels: { app: "x" } } } }));
    await until(() => b.names({ networkServiceNames: ["web"] }), is(["nse-1"]));
    const object = (await mesh.admin.get(nses, { namespace, name: "nse-1" })) as UnknownObject & {
      spec: Record<string, unknown>;
    };
    assert.deepEqual(object.spec.network_service_names, ["web"]);
    assert.deepEqual(object.spec.network_service_labels, { web: { labels: { app: "x" } } });
    assert.equal((object.spec.expiration_time as { seconds: number }).seconds, Number(reply.expirationTime?.seconds));
    await b.unregister("nse-1");
    await until(() => a.names(), is([]));
    await until(
      async () => told.join(),
      (text) => text === "+nse-1,-nse-1",
    );
    stop.abort();
    await watching;
  });

  test("a name that Kubernetes does not take, and one of another entry's object", async () => {
    await using a = await Replica.start(env);
    await a.register(entry("NSE_One"));
    const foreign = {
      apiVersion: "networkservicemesh.io/v1",
      kind: "NetworkServiceEndpoint",
      metadata: { namespace, name: "taken" },
      spec: { name: "other", url: "tcp://10.0.0.1:1" },
    };
    await mesh.admin.create<UnknownObject>(nses, foreign);
    await a.register(entry("taken"));
    await until(() => a.names(), is(["NSE_One", "other", "taken"]));
    await clear();
  });

  test("a lease that moved to another replica is not ended by the first; one of a killed replica is", async () => {
    const short = { ...env, NSM_EXPIRE_PERIOD: "3s" };
    await using b = await Replica.start(short);
    const a = await Replica.start(short);
    try {
      await a.register(entry("moved"));
      await a.register(entry("lost"));
      for (let turn = 0; turn < 4; turn++) {
        await sleep(1_700);
        await b.register(entry("moved"));
        if (turn === 0) await a.program.kill();
      }
      // 6.8 s after the first lease of 3 s: its timer would have fired twice.
      assert.ok((await b.names()).includes("moved"));
      await until(() => b.names(), is(["moved"]), 8_000);
      await until(() => b.names(), is([]), 8_000);
      await until(
        async () => (await mesh.admin.list(nses)).items.length,
        (count) => count === 0,
      );
    } finally {
      await a[Symbol.asyncDispose]();
    }
  });

  test("what was registered is there after all replicas were restarted", async () => {
    {
      await using a = await Replica.start(env);
      await a.register(entry("stays"));
    }
    await using b = await Replica.start(env);
    await using c = await Replica.start(env);
    assert.deepEqual([await b.names(), await c.names()], [["stays"], ["stays"]]);
    await clear();
  });

  test("1,000 endpoints that register at one replica are found at the other", async () => {
    await using a = await Replica.start(env);
    await using b = await Replica.start(env);
    const all = Array.from({ length: 1_000 }, (_, at) => entry(`nse-${at}`, { networkServiceNames: [`s-${at % 10}`] }));
    const began = performance.now();
    for (let from = 0; from < all.length; from += 50)
      await Promise.all(all.slice(from, from + 50).map((one) => a.register(one)));
    console.log(`registered 1,000 endpoints in ${Math.round(performance.now() - began)} ms`);
    await until(
      async () => (await b.names()).length,
      (count) => count === 1_000,
    );
    assert.equal((await b.names({ networkServiceNames: ["s-3"] })).length, 100);
    await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? a : b).unregister(`nse-${at}`)));
    await until(
      async () => (await a.names()).length,
      (count) => count === 980,
    );
    await clear();
  });

  test("while the API server is away, finds are answered and registrations are refused for now; then all goes on", async () => {
    await using a = await Replica.start({ ...env, NSM_EXPIRE_PERIOD: "10s" });
    await a.register(entry("before"));
    await mesh.plane.killApiServer();
    assert.deepEqual(await a.names(), ["before"]);
    await assert.rejects(a.register(entry("meanwhile")), { code: "UNAVAILABLE" });
    // Longer than the lease: nobody can know that it was not renewed elsewhere.
    await sleep(11_000);
    assert.deepEqual(await a.names(), ["before"]);
    await mesh.plane.startApiServer();
    const kept = await until(
      () => a.register(entry("before")).catch(() => undefined),
      (reply) => reply !== undefined,
    );
    assert.ok(kept);
    await a.register(entry("after"));
    assert.deepEqual(await a.names(), ["after", "before"]);
    await clear();
  });

  test("a registry that cannot read its objects does not serve, and says why", async () => {
    const program = new Program("nsm-registry", { ...env, KUBECONFIG: await mesh.kubeconfig("nsmgr-sa") });
    try {
      const line = await program.log("list or watch failed, trying again");
      assert.match(String(line.error), /cannot list resource/);
      assert.ok(!program.lines.some(({ msg }) => msg === "serving"));
    } finally {
      await program.kill();
    }
  });

  test("a service that a user applied with kubectl is found with its matches", async () => {
    await using a = await Replica.start(env);
    await mesh.admin.create<UnknownObject>(
      { ...nses, kind: "NetworkService", plural: "networkservices" },
      {
        apiVersion: "networkservicemesh.io/v1",
        kind: "NetworkService",
        metadata: { namespace: "default", name: "chain" },
        spec: {
          payload: "ETHERNET",
          matches: [{ source_selector: { app: "a" }, routes: [{ destination_selector: { app: "b" } }] }],
        },
      },
    );
    const query = { networkService: create(NetworkServiceSchema, { name: "chain" }), watch: false };
    const found = await until(
      async () => {
        for await (const each of a.client.services.find(context(), {
          $typeName: "registry.NetworkServiceQuery",
          ...query,
        }))
          return each.networkService;
        return undefined;
      },
      (service) => service !== undefined,
    );
    assert.deepEqual(found?.matches[0]?.sourceSelector, { app: "a" });
  });
});

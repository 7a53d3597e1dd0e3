// nsm-admission-webhook as a process of its own, asked by a real API server through the Service and the configuration
// that the operator renders.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Resource, UnknownObject } from "@nsmkit/kube";
import { issue } from "@nsmkit/kube/certificates";
import { Program } from "../programs/program.ts";
import { controlPlaneMissing } from "./control-plane.ts";
import { NsmkitMesh, namespace } from "./nsmkit-mesh.ts";

/** An API server sends nothing to loopback addresses of a Service. */
const ownAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

const skip =
  controlPlaneMissing() ?? (ownAddress === undefined ? "the machine has no IPv4 address beside loopback" : false);
const annotation = "networkservicemesh.io";
const core = (kind: string, plural: string): Resource<UnknownObject> => ({
  group: "",
  version: "v1",
  kind,
  plural,
  namespaced: kind !== "Namespace",
});
const apps = (kind: string): Resource<UnknownObject> => ({
  group: "apps",
  version: "v1",
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced: true,
});
const [pods, namespaces] = [core("Pod", "pods"), core("Namespace", "namespaces")];
const slices: Resource<UnknownObject> = {
  group: "discovery.k8s.io",
  version: "v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  namespaced: true,
};
const dnsNames = [`admission-webhook-svc.${namespace}.svc`];

type Containers = readonly {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}[];
const containersOf = (object: UnknownObject): Containers => {
  const spec = object.spec as { containers?: Containers; template?: { spec: { containers: Containers } } };
  return spec.containers ?? spec.template?.spec.containers ?? [];
};
const names = (object: UnknownObject): string[] => containersOf(object).map(({ name }) => name);

const podSpec = { containers: [{ name: "app", image: "nginx" }] };
const pod = (metadata: object, spec: object = podSpec): UnknownObject =>
  ({ apiVersion: "v1", kind: "Pod", metadata: { namespace: "default", ...metadata }, spec }) as UnknownObject;
const asks = (value: string) => ({ annotations: { [annotation]: value } });

function workload(kind: string, metadata: object): UnknownObject {
  const labels = { app: kind.toLowerCase() };
  const spec = {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: podSpec },
    ...(kind === "StatefulSet" && { serviceName: "x" }),
  };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { namespace: "default", name: kind.toLowerCase(), ...metadata },
    spec,
  } as UnknownObject;
}

/** A mesh with its webhook at work. */
class World implements AsyncDisposable {
  readonly mesh: NsmkitMesh;
  program: Program | undefined;

  private constructor(mesh: NsmkitMesh) {
    this.mesh = mesh;
  }

  static async start(webhook: object = {}): Promise<World> {
    const spec = { provider: "nsmkit", registry: { type: "k8s" }, webhook, forwarders: [{ type: "kernel" }] };
    // Webhooks are reached at the addresses of Pods: there is no network of Services here.
    const world = new World(await NsmkitMesh.start(spec, { flags: ["--enable-aggregator-routing=true"] }));
    try {
      await world.run();
      await world.mesh.apply(world.mesh.object("Service", "admission-webhook-svc"));
      await world.certify();
      await world.#reach();
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  file(name: string): string {
    return join(this.mesh.folder, name);
  }

  async run(): Promise<void> {
    const spec = this.mesh.pod("Deployment", "admission-webhook-k8s");
    this.program = new Program("nsm-admission-webhook", {
      ...this.mesh.environment(spec),
      KUBECONFIG: await this.mesh.kubeconfig(spec.serviceAccountName ?? ""),
      NSM_CERT_FILE_PATH: this.file("tls.crt"),
      NSM_KEY_FILE_PATH: this.file("tls.key"),
      NSM_LISTEN_ON: ":0",
    });
    const { port } = await this.program.log("serving");
    await this.mesh.admin.apply<UnknownObject>(
      slices,
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { namespace, name: "webhook", labels: { "kubernetes.io/service-name": "admission-webhook-svc" } },
        addressType: "IPv4",
        endpoints: [{ addresses: [ownAddress ?? ""], conditions: { ready: true } }],
        ports: [{ name: "webhook", port: port as number, protocol: "TCP" }],
      } as UnknownObject,
      { fieldManager: "test" },
    );
  }

  /** A new certificate by a new authority, in the program's files and in the configuration. */
  async certify(): Promise<void> {
    const { serving } = await issue({}, { commonName: "webhook", dnsNames }, Date.now());
    await writeFile(this.file("tls.key"), serving.key);
    await writeFile(this.file("tls.crt"), serving.certificate);
    const rendered = structuredClone(
      this.mesh.object("MutatingWebhookConfiguration", "nsm-mutating-webhook"),
    ) as UnknownObject & {
      webhooks: { clientConfig: { caBundle: string } }[];
    };
    for (const { clientConfig } of rendered.webhooks)
      clientConfig.caBundle = Buffer.from(serving.ca).toString("base64");
    await this.mesh.apply(rendered);
  }

  /** The API server knows the configuration and the way a moment later. */
  async #reach(): Promise<void> {
    await this.until(async () =>
      names(await this.make(pod({ name: "probe", ...asks("kernel://a") }), true)).includes("nsc"),
    );
  }

  make(object: UnknownObject, dryRun = false): Promise<UnknownObject> {
    const resource = object.kind === "Pod" ? pods : object.kind === "Namespace" ? namespaces : apps(object.kind);
    return this.mesh.admin.create<UnknownObject>(resource, object, { dryRun });
  }

  async until(look: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      if (await look().catch(() => false)) return;
      assert.ok(performance.now() < end, this.program?.all() ?? "");
      await sleep(200);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program?.kill();
    await this.mesh.close();
  }
}

describe("the admission webhook under a real API server", { skip, timeout: 240_000 }, () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test("a Pod that asks is stored with its client, by name and by a generated one", async () => {
    await world.make(pod({ name: "web", ...asks("kernel://icmp/nsm-1?app=web") }));
    const stored = await world.mesh.admin.get(pods, { namespace: "default", name: "web" });
    assert.deepEqual(names(stored), ["app", "nsc"]);
    const env = containersOf(stored)[1]?.env ?? [];
    assert.equal(env.find(({ name }) => name === "NSM_NETWORK_SERVICES")?.value, "kernel://icmp/nsm-1?app=web");
    assert.match(env.find(({ name }) => name === "NSM_NAME")?.value ?? "", /^\$\(POD_NAME\)-[0-9a-f-]{36}$/);
    const generated = await world.make(pod({ generateName: "web-", ...asks("kernel://icmp") }));
    const name = containersOf(generated)[1]?.env?.find(({ name }) => name === "NSM_NAME");
    assert.equal(name?.value, "$(POD_NAME)");
  });

  test("a Pod that does not ask is stored as it is", async () => {
    const stored = await world.make(pod({ name: "other" }));
    assert.deepEqual(names(stored), ["app"]);
    assert.equal((stored.spec as { volumes?: unknown }).volumes, undefined);
  });

  test("workloads that ask have the client in their template, and keep it when they are replaced", async () => {
    for (const kind of ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]) {
      const object = workload(kind, asks("kernel://icmp"));
      const stored = await world.make(object);
      assert.deepEqual(names(stored), ["app", "nsc"], kind);
      if (kind === "StatefulSet" || kind === "ReplicaSet") continue;
      const { resourceVersion } = stored.metadata;
      const again = await world.mesh.admin.update(apps(kind), {
        ...object,
        metadata: { ...object.metadata, resourceVersion },
      } as UnknownObject);
      assert.deepEqual(names(again), ["app", "nsc"], kind);
      assert.equal(again.metadata.generation, 1, "its Pods are not replaced");
    }
    assert.deepEqual(names(await world.make(workload("Deployment", { name: "quiet" }))), ["app"]);
  });

  test("a namespace that asks does so for its Pods, and at restricted level they are admitted", async () => {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await world.make({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "asking", labels, ...asks("kernel://all") },
    });
    const securityContext = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } };
    const [app] = podSpec.containers;
    const container = { ...app, securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } } };
    const stored = await world.make(
      pod({ namespace: "asking", name: "web" }, { securityContext, containers: [container] }),
    );
    assert.deepEqual(names(stored), ["app", "nsc"]);
  });

  test("a wrong annotation is refused, and the user reads what to write", async () => {
    await assert.rejects(world.make(pod({ name: "wrong", ...asks("kernl://icmp") })), (error: Error) => {
      assert.match(error.message, /Pod default\/wrong: annotation networkservicemesh\.io="kernl:\/\/icmp"/);
      assert.match(error.message, /unknown mechanism "kernl", known are .*; it must read <mechanism>/);
      return true;
    });
    await assert.rejects(
      world.make(workload("Deployment", { name: "wrong", ...asks("kernel://") })),
      /Deployment default\/wrong/,
    );
  });

  test("a dry run shows the client and stores nothing", async () => {
    assert.deepEqual(names(await world.make(pod({ name: "dry", ...asks("kernel://a") }), true)), ["app", "nsc"]);
    assert.equal(await world.mesh.admin.find(pods, { namespace: "default", name: "dry" }), undefined);
  });

  test("a certificate that is exchanged is taken up", async () => {
    await world.certify();
    let turn = 0;
    await world.until(async () =>
      names(await world.make(pod({ name: `rotated-${turn++}`, ...asks("kernel://a") }))).includes("nsc"),
    );
  });

  test("Pods come into being while the webhook is away, and get clients again when it is back", async () => {
    await world.program?.kill();
    assert.deepEqual(names(await world.make(pod({ name: "away-1", ...asks("kernel://a") }))), ["app"]);
    assert.deepEqual(names(await world.make(pod({ name: "away-2" }))), ["app"]);
    await world.run();
    let turn = 0;
    await world.until(async () =>
      names(await world.make(pod({ name: `back-${turn++}`, ...asks("kernel://a") }))).includes("nsc"),
    );
  });

  test("asked to end, it answers for a moment longer and is not ready", async () => {
    const { program } = world;
    program?.signal("SIGTERM");
    await program?.log("stopping");
    assert.deepEqual(names(await world.make(pod({ name: "late", ...asks("kernel://a") }))), ["app", "nsc"]);
    assert.equal(await program?.exit(), 0);
    await world.run();
  });
});

describe("with the policy Fail", { skip, timeout: 120_000 }, () => {
  test("only Pods that ask wait for the webhook", async () => {
    await using world = await World.start({ failurePolicy: "Fail" });
    await world.program?.kill();
    assert.deepEqual(names(await world.make(pod({ name: "other" }))), ["app"]);
    await assert.rejects(world.make(pod({ name: "web", ...asks("kernel://a") })), /failed calling webhook/);
  });
});

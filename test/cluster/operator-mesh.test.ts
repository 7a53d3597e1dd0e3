import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { UnknownObject } from "@nsmkit/kube";
import { parse, parseAllDocuments } from "yaml";
import { kindNamed } from "../../cmd/nsm-operator/src/inventory/kinds.ts";
import { type Nsm, nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { isReady, leftovers, until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";
import { namespace, OperatorWorld } from "./operator-world.ts";

const nsm = (name: string, spec: unknown): Nsm => ({
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata: { name, namespace },
  spec,
});

const upstream = { version: "v1.17.0", registry: { type: "k8s" }, forwarders: [{ type: "vpp" }], webhook: {} };

describe("real meshes on a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: OperatorWorld;
  before(async () => {
    plane = await ControlPlane.start();
    world = await OperatorWorld.open(plane);
    const spire = await readFile(join(import.meta.dirname, "../../deploy/operator-spire.yaml"), "utf8");
    for (const document of parseAllDocuments(spire)) {
      const object = document.toJS() as UnknownObject;
      await world.admin.apply<UnknownObject>(kindNamed(object.kind), object, { fieldManager: "kubectl" });
    }
    await world.startOperator();
    await until(
      async () => world.admin.list(nsms).catch(() => undefined),
      (list) => list !== undefined,
      undefined,
      20_000,
    );
  });
  after(async () => {
    await world?.close();
    await plane?.close();
  });

  async function lives(object: Nsm): Promise<void> {
    const name = object.metadata.name ?? "";
    await world.admin.create(nsms, object);
    await world.settled(name);
    await steady(world);
    await world.admin.delete(nsms, { namespace, name });
    await world.gone(name);
    assert.deepEqual(await leftovers(world.admin), []);
  }
  // One that failed must not leave its mesh to the next.
  afterEach(async () => {
    world.kubelets.fate = () => "ready";
    await world.kubelets.again();
    for (const { metadata } of (await world.admin.list(nsms)).items) {
      await world.admin.delete(nsms, { namespace, name: metadata.name ?? "" });
      await world.gone(metadata.name ?? "");
    }
  });

  test("the document of 2020 becomes a mesh that stands still and goes without a trace", {
    timeout: 90_000,
  }, async () => {
    const file = join(import.meta.dirname, "../../packages/mesh/testdata/nsm-2020.yaml");
    const document = parse(await readFile(file, "utf8")) as Nsm;
    await lives(nsm(document.metadata.name ?? "", document.spec));
  });

  test("upstream's mesh does so too", { timeout: 90_000 }, async () => {
    await lives(nsm("upstream", { ...upstream, spire: "external" }));
  });

  test("our own mesh does so too", { timeout: 90_000 }, async () => {
    await lives(nsm("own", { provider: "nsmkit", registry: { type: "k8s" }, forwarders: [{ type: "kernel" }] }));
  });

  test("the document of 2020 with SPIRE and Jaeger does so too", { timeout: 90_000 }, async () => {
    await lives(nsm("traced", { registry: "docker.io", tag: "v0.2.0", spire: "true", jaegerTracing: "true" }));
  });

  test("a mesh with its own SPIRE, tracing and CSI drivers does so too", { timeout: 90_000 }, async () => {
    const more = {
      spire: "managed",
      csiDrivers: true,
      jaegerTracing: true,
      imageRepository: "registry.example.org/nsm",
    };
    await lives(nsm("whole", { ...upstream, ...more }));
  });

  test("what is taken out of a resource goes, and what is renamed has its new name only", {
    timeout: 90_000,
  }, async () => {
    const names = async (): Promise<string[]> => {
      const lists = await Promise.all(
        ["DaemonSet", "ServiceAccount", "Deployment", "Service"].map((kind) =>
          world.admin.list<UnknownObject>(kindNamed(kind), { namespace }),
        ),
      );
      return lists.flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
    };
    await world.admin.create(nsms, nsm("less", { ...upstream, forwarders: [{ type: "vpp" }, { type: "ovs" }] }));
    await world.settled("less");
    assert.ok((await names()).includes("DaemonSet forwarder-ovs"));
    const forwarders = [{ type: "vpp", name: "renamed" }];
    await world.admin.mergePatch(nsms, { namespace, name: "less" }, { spec: { forwarders, webhook: null } });
    await world.settled("less");
    const left = (await names()).filter((name) => /forwarder|renamed|admission/.test(name));
    assert.deepEqual(left, ["DaemonSet renamed", "ServiceAccount renamed-sa"]);
    await world.admin.delete(nsms, { namespace, name: "less" });
    await world.gone("less");
  });

  test("images of 2020 that cannot be pulled are told of, with nsmctl convert", { timeout: 60_000 }, async () => {
    world.kubelets.fate = ({ metadata }) => (metadata.name === "nsmgr" ? "stuck" : "ready");
    const pods = { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true } as const;
    const image = "docker.io/networkservicemesh/nsmdp:master";
    const pod = { name: "nsmgr-x1", namespace, labels: { app: "nsmgr-daemonset" } };
    await world.admin.create<UnknownObject>(
      { ...pods, example: undefined },
      { apiVersion: "v1", kind: "Pod", metadata: pod, spec: { containers: [{ name: "nsmdp", image }] } },
    );
    const waiting = { reason: "ImagePullBackOff", message: `Back-off pulling image "${image}"` };
    const containerStatuses = [
      { name: "nsmdp", image, imageID: "", ready: false, restartCount: 0, state: { waiting } },
    ];
    await world.admin.mergePatch(
      { ...pods, example: undefined as UnknownObject | undefined },
      { namespace, name: pod.name },
      { status: { phase: "Pending", containerStatuses } },
      { subresource: "status" },
    );
    try {
      await world.admin.create(nsms, nsm("old", { registry: "docker.io", tag: "master", forwardingPlaneName: "vpp" }));
      const said = (one: Nsm): string => one.status?.components?.find(({ name }) => name === "nsmgr")?.message ?? "";
      const told = await world.until((one) => said(one).includes("ImagePullBackOff"), "old");
      assert.match(
        said(told),
        /image docker\.io\/networkservicemesh\/nsmdp:master: ImagePullBackOff .*nsmctl convert rewrites this resource/,
      );
    } finally {
      world.kubelets.fate = () => "ready";
      await world.kubelets.again();
      await world.admin.delete(pods, { namespace, name: pod.name });
    }
    await world.settled("old");
    await world.admin.delete(nsms, { namespace, name: "old" });
    await world.gone("old");
  });

  for (const version of ["v1.2.0", "v1.11.2"]) {
    test(`a webhook of ${version}, which registers itself to fail, is kept from blocking Pods, and keeps its CA`, {
      timeout: 60_000,
    }, async () => {
      const configurations = kindNamed("MutatingWebhookConfiguration");
      const at = { name: "nsm-mutating-webhook" };
      const clientConfig = {
        service: { name: "admission-webhook-svc", namespace, path: "/mutate" },
        caBundle: Buffer.from("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").toString("base64"),
      };
      // As the program does at each start, where it deletes what it finds (internal/k8s/selfregister.go).
      const register = async (): Promise<void> => {
        const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["pods"] }];
        const one = { name: "nsm-mutating-webhook.networkservicemesh.io", clientConfig, rules, failurePolicy: "Fail" };
        const webhooks = [{ ...one, sideEffects: "None", admissionReviewVersions: ["v1"] }];
        const object = { apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration" };
        await world.admin.delete(configurations, at);
        await world.admin.create<UnknownObject>(configurations, { ...object, metadata: at, webhooks });
      };
      const limited = async (): Promise<UnknownObject> =>
        until(
          () => world.admin.get<UnknownObject>(configurations, at),
          (found) => JSON.stringify(found.webhooks).includes('"failurePolicy":"Ignore"'),
          undefined,
          20_000,
        );
      world.kubelets.fate = ({ metadata }) => (metadata.name === "admission-webhook-k8s" ? "stuck" : "ready");
      await world.admin.create(nsms, nsm("self", { ...upstream, version, spire: "external" }));
      await world.until((one) => one.status?.progress?.phase.startsWith("webhook of") === true, "self");
      assert.equal(await world.admin.find<UnknownObject>(configurations, at), undefined);
      await register();
      world.kubelets.fate = () => "ready";
      await world.kubelets.again();
      const first = (await limited()).webhooks as readonly Record<string, unknown>[];
      assert.deepEqual((first[0]?.clientConfig as typeof clientConfig).caBundle, clientConfig.caBundle);
      assert.match(JSON.stringify(first[0]?.namespaceSelector), /kube-system/);
      await world.settled("self");
      // The Pod starts anew: what it registers again is limited again.
      world.kubelets.fate = ({ metadata }) => (metadata.name === "admission-webhook-k8s" ? "stuck" : "ready");
      await world.kubelets.again();
      await world.until((one) => !isReady(one), "self");
      await register();
      world.kubelets.fate = () => "ready";
      await world.kubelets.again();
      await limited();
      await world.settled("self");
      await world.admin.delete(nsms, { namespace, name: "self" });
      await world.gone("self");
      assert.equal(await world.admin.find<UnknownObject>(configurations, at), undefined);
    });
  }

  test("an upgrade to the next release reaches every part", { timeout: 90_000 }, async () => {
    await world.admin.create(nsms, nsm("up", { ...upstream, spire: "external" }));
    await world.settled("up");
    await world.admin.mergePatch(nsms, { namespace, name: "up" }, { spec: { version: "v1.18.0" } });
    const { status } = await world.until(
      (one) => isReady(one) && one.status?.currentVersion === "v1.18.0",
      "up",
      45_000,
    );
    assert.deepEqual([...new Set(status?.components?.map((one) => one.version))], ["v1.18.0"]);
    await world.admin.delete(nsms, { namespace, name: "up" });
    await world.gone("up");
    assert.deepEqual(await leftovers(world.admin), []);
  });

  test("an upgrade that is taken back keeps the newer SPIRE, whose data an older one does not open", {
    timeout: 120_000,
  }, async () => {
    await world.stopOperator();
    await world.startOperator({ config: { progressDeadlineMs: 4_000 } });
    const images = async (): Promise<string[]> => {
      const [server, registry] = await Promise.all([
        world.admin.get<UnknownObject>(kindNamed("StatefulSet"), { namespace: "spire", name: "spire-server" }),
        world.admin.get<UnknownObject>(kindNamed("Deployment"), { namespace, name: "registry-k8s" }),
      ]);
      return [server, registry].map((one) => {
        const spec = one.spec as { template: { spec: { containers: { image: string }[] } } };
        return spec.template.spec.containers[0]?.image ?? "";
      });
    };
    await world.admin.create(nsms, nsm("back", { ...upstream, version: "v1.13.3", spire: "managed" }));
    await world.settled("back");
    assert.match((await images()).join(), /spire-server:1\.6\.1,.*:v1\.13\.3/);
    world.kubelets.fate = (object) => (JSON.stringify(object).includes("registry-k8s:v1.14.5") ? "stuck" : "ready");
    await world.admin.mergePatch(nsms, { namespace, name: "back" }, { spec: { version: "v1.14.5" } });
    await world.until((one) => one.status?.upgrade?.state === "RolledBack", "back", 60_000);
    assert.match((await images()).join(), /spire-server:1\.9\.5,.*:v1\.13\.3/);
    // Nor does it follow when the upgrade is given up for good.
    await world.admin.mergePatch(
      nsms,
      { namespace, name: "back" },
      { spec: { version: "v1.13.3", nsmLogLevel: "WARN" } },
    );
    await world.until((one) => isReady(one) && one.status?.upgrade === undefined, "back");
    assert.match((await images()).join(), /spire-server:1\.9\.5,.*:v1\.13\.3/);
    world.kubelets.fate = () => "ready";
    await world.admin.delete(nsms, { namespace, name: "back" });
    await world.gone("back");
  });

  const dataOfSpire = async (): Promise<void> => {
    await world.admin.create(nsms, nsm("kept", { ...upstream, spire: "managed" }));
    await world.settled("kept");
    const claims = kindNamed("PersistentVolumeClaim");
    const at = { namespace: "spire", name: "data-spire-server-0" };
    const server = await world.admin.get<UnknownObject>(kindNamed("StatefulSet"), {
      namespace: "spire",
      name: "spire-server",
    });
    const { volumeClaimTemplates } = server.spec as { volumeClaimTemplates: readonly UnknownObject[] };
    const labels = volumeClaimTemplates[0]?.metadata.labels ?? {};
    // As the controller of StatefulSets makes it of the template.
    await world.admin.create<UnknownObject>(claims, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { ...at, labels },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    });
    await world.admin.mergePatch(nsms, { namespace, name: "kept" }, { spec: { nsmLogLevel: "DEBUG" } });
    await world.settled("kept");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.equal((await world.admin.get<UnknownObject>(claims, at)).metadata.deletionTimestamp, undefined);
    await world.admin.delete(nsms, { namespace, name: "kept" });
    await until(
      () => world.admin.find<UnknownObject>(claims, at),
      (claim) => claim?.metadata.deletionTimestamp !== undefined,
      undefined,
      20_000,
    );
    // As the controller of claims does when no Pod uses one.
    await world.admin.mergePatch(claims, at, { metadata: { finalizers: null } });
    await world.gone("kept");
  };

  test("the data of SPIRE stay while SPIRE does, and go with the mesh", { timeout: 60_000 }, async () => {
    await world.stopOperator();
    await world.startOperator();
    await dataOfSpire();
  });

  test("so they do with an operator of all namespaces", { timeout: 60_000 }, async () => {
    await world.stopOperator();
    // The administrator's rights, as the manifest's are of one namespace.
    await world.startOperator({ config: { watchNamespaces: [] }, wrap: () => world.admin });
    await dataOfSpire();
  });
});

/** No object of the mesh changes for some seconds, though every one of them is looked at again. */
async function steady(world: OperatorWorld): Promise<void> {
  const versions = async (): Promise<string[]> => {
    const lists = await Promise.all(
      ["Deployment", "DaemonSet", "Service", "Secret", "ClusterRole", "MutatingWebhookConfiguration"].map((kind) =>
        world.admin.list<UnknownObject>(kindNamed(kind)),
      ),
    );
    return lists.flatMap(({ items }) =>
      items.map((item) => `${item.kind} ${item.metadata.name} ${item.metadata.resourceVersion}`),
    );
  };
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const [before, sent] = [await versions(), world.client?.requests];
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.deepEqual(await versions(), before);
  // The Lease is renewed every two seconds with a get and an update.
  assert.ok(
    (world.client?.requests ?? 0) - (sent ?? 0) <= 4,
    `${(world.client?.requests ?? 0) - (sent ?? 0)} requests`,
  );
}

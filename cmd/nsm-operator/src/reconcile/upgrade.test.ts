import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import type { Resource, UnknownObject } from "@nsmkit/kube";
import { kindNamed } from "../inventory/kinds.ts";
import { nsms } from "../status/status.ts";
import { smallNsm } from "../testing/small-mesh.ts";
import { condition, isReady, World } from "../testing/world.ts";

const pods: Resource = { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true };
const at = { namespace: "nsm-system", name: "mesh" };

async function installed(options: { progressDeadlineMs?: number } = {}): Promise<World> {
  const world = await new World({ config: options }).start();
  await world.server.create(nsms, smallNsm({ version: "v1.0.0", forwarders: ["one", "two"] }));
  await world.settled();
  await world.quiet();
  return world;
}

const imageOf = (object: UnknownObject): string => /example\.org\/([^"]+)/.exec(JSON.stringify(object.spec))?.[1] ?? "";

test("an upgrade goes release by release, and in each part by part, forwarders one after the other", async () => {
  await using world = await installed();
  const order: string[] = [];
  world.server.intercept = (verb, resource, place) => {
    if (verb === "apply" && /Deployment|DaemonSet/.test(resource.kind)) order.push(place.name ?? "");
  };
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.2.0" } });
  const nsm = await world.until((one) => isReady(one) && one.status?.currentVersion === "v1.2.0");
  const once = ["registry", "nsmgr", "one", "two", "webhook"];
  assert.deepEqual(order, [...once, ...once]);
  assert.equal(condition(nsm, "UpgradeInProgress"), "False NoUpgrade");
});

test("an unsupported target changes nothing and says why", async () => {
  await using world = await installed();
  const before = world.server.requests.apply;
  await world.server.mergePatch(nsms, at, { spec: { version: "v9.0.0" } });
  const nsm = await world.until((one) => condition(one, "Ready") === "False UnsupportedVersion");
  await world.quiet();
  assert.match(nsm.status?.conditions?.[0]?.message ?? "", /v9\.0\.0 is not a release/);
  assert.equal(nsm.status?.currentVersion, "v1.0.0");
  assert.equal(world.server.requests.apply, before);
});

test("an upgrade whose part does not become available is stopped there and rolled back", async () => {
  await using world = await installed({ progressDeadlineMs: 1_000 });
  world.kubelets.fate = (object) => (imageOf(object) === "nsmgr:v1.1.0" ? "stuck" : "ready");
  const touched: string[] = [];
  world.server.intercept = (verb, _, place) => {
    if (verb === "apply") touched.push(place.name ?? "");
  };
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.1.0" } });
  const nsm = await world.until((one) => condition(one, "Degraded") === "True UpgradeRolledBack");
  await world.quiet();
  const { status } = await world.get();
  assert.equal(status?.currentVersion, "v1.0.0");
  assert.deepEqual([...new Set(status?.components?.map((one) => one.version))], ["v1.0.0"]);
  assert.ok(!touched.includes("one") && !touched.includes("webhook"), `went on to ${touched.join(", ")}`);
  const message = nsm.status?.conditions?.find((one) => one.type === "Degraded")?.message ?? "";
  assert.match(message, /v1\.1\.0 did not become available \(managers of v1\.1\.0: .*available on 1 of 3 nodes/);
  // Another try needs another wish.
  world.kubelets.fate = () => "ready";
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.2.0" } });
  await world.until((one) => isReady(one) && one.status?.currentVersion === "v1.2.0");
});

test("an upgrade that is taken back goes to the version that ran", async () => {
  await using world = await installed();
  world.kubelets.fate = (object) => (imageOf(object) === "nsmgr:v1.1.0" ? "stuck" : "ready");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.1.0" } });
  await world.until((one) => one.status?.progress?.phase === "managers of v1.1.0");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.0.0" } });
  const nsm = await world.until((one) => isReady(one) && one.status?.observedGeneration === 3);
  assert.deepEqual([...new Set(nsm.status?.components?.map((one) => one.version))], ["v1.0.0"]);
});

test("a forwarder is not changed while the one before it is not back", async () => {
  await using world = await installed();
  world.kubelets.fate = (object) => (imageOf(object) === "one:v1.1.0" ? "stuck" : "ready");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.1.0" } });
  await world.until((one) => one.status?.progress?.phase === "forwarders of v1.1.0");
  await world.quiet();
  const two = await world.server.get(kindNamed("DaemonSet"), { namespace: "nsm-system", name: "two" });
  assert.equal(imageOf(two), "two:v1.0.0");
});

test("what keeps Pods from starting is told in the status", async () => {
  await using world = new World();
  world.kubelets.fate = (object) => (object.metadata.name === "nsmgr" ? "stuck" : "ready");
  const waiting = { reason: "ImagePullBackOff", message: "not found" };
  await world.server.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "nsm-system", name: "nsmgr-x", labels: { app: "nsmgr" } },
    status: { containerStatuses: [{ name: "nsmgr", image: "example.org/nsmgr:v1.0.0", state: { waiting } }] },
  });
  await world.start();
  await world.server.create(nsms, smallNsm());
  const nsm = await world.until((one) => condition(one, "ManagersAvailable") === "False Unavailable");
  const message = nsm.status?.conditions?.find((one) => one.type === "ManagersAvailable")?.message ?? "";
  assert.match(message, /image example\.org\/nsmgr:v1\.0\.0: ImagePullBackOff \(not found\); try another/);
});

test("webhook configurations that Pods of an older release registered go with the upgrade, others stay", async () => {
  await using world = await installed();
  const kind = kindNamed("MutatingWebhookConfiguration");
  const registered = (name: string, namespace: string) =>
    world.server.create(kind, {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: { name },
      webhooks: [{ name: "a.b.c", clientConfig: { service: { namespace, name: "svc" } } }],
    });
  await registered("self-registered-1", "nsm-system");
  await registered("self-registered-2", "other");
  await registered("foreign", "nsm-system");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.2.0" } });
  await world.until((one) => isReady(one) && one.status?.currentVersion === "v1.2.0");
  const { items } = await world.server.list(kind);
  assert.deepEqual(items.map((item) => item.metadata.name).sort(), ["foreign", "self-registered-2", "webhook"]);
});

const endpoints: Resource = {
  ...{ group: "networkservicemesh.io", version: "v1", kind: "NetworkServiceEndpoint" },
  ...{ plural: "networkserviceendpoints", namespaced: true },
};
const registryText = async (world: World): Promise<string> =>
  JSON.stringify(await world.server.get(kindNamed("Deployment"), { namespace: "nsm-system", name: "registry" }));

test("entries of older endpoints are taken from the release that would refuse them until a change finds none", async () => {
  await using world = await installed();
  const old = { namespace: "nsm-system", name: "old" };
  const entry = { apiVersion: "networkservicemesh.io/v1", kind: endpoints.kind, metadata: old, spec: { name: "old" } };
  await world.server.create(endpoints, entry);
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.2.0" } });
  const { status } = await world.until((one) => isReady(one) && one.status?.currentVersion === "v1.2.0");
  assert.match(await registryText(world), /"POLICIES"/);
  assert.equal(status?.policies?.state, "Relaxed");
  assert.match(status?.conditions?.[0]?.message ?? "", /take entries of endpoints .*\(1 are left\)/);
  await world.server.mergePatch(endpoints, old, { spec: { path_ids: ["spiffe://x"] } });
  await world.quiet();
  assert.match(await registryText(world), /"POLICIES"/);
  await world.server.mergePatch(nsms, at, { spec: { logLevel: "DEBUG" } });
  const after = await world.until((one) => isReady(one) && one.status?.observedGeneration === 3);
  assert.doesNotMatch(await registryText(world), /"POLICIES"/);
  assert.equal(after.status?.policies, undefined);
});

test("a release that is rolled back takes the relaxed policies with it", async () => {
  await using world = await installed({ progressDeadlineMs: 1_000 });
  world.kubelets.fate = (object) => (imageOf(object) === "nsmgr:v1.1.0" ? "stuck" : "ready");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.1.0" } });
  const { status } = await world.until((one) => condition(one, "Degraded") === "True UpgradeRolledBack");
  assert.equal(status?.policies, undefined);
  assert.equal(status?.history?.[0]?.result, "RolledBack");
  assert.ok(status?.history?.[0]?.startedAt);
  await world.told("RolledBack", /rolled back to v1\.0\.0/);
});

test("node ports that a Service got as a load balancer are released when it is one no more", async () => {
  await using world = await installed();
  const place = { namespace: "nsm-system", name: "registry" };
  const ports = [{ name: "registry", port: 5002, nodePort: 31234 }];
  await world.server.mergePatch(kindNamed("Service"), place, { spec: { ports } });
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.2.0" } });
  await world.until((one) => isReady(one) && one.status?.currentVersion === "v1.2.0");
  const service = await world.server.get(kindNamed("Service"), place);
  assert.deepEqual(service.spec, { type: "ClusterIP", ports: [{ name: "registry", port: 5002 }] });
  await world.quiet();
  await world.told("Updated", /Service nsm-system\/registry: its node ports are released/);
});

test("an upgrade tells its whole way before it begins, and what of it is done", async () => {
  await using world = await installed();
  world.kubelets.fate = (object) => (imageOf(object) === "nsmgr:v1.1.0" ? "stuck" : "ready");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.2.0" } });
  const { status } = await world.until((one) => one.status?.progress?.phase === "managers of v1.1.0");
  assert.deepEqual(
    status?.plan?.map((one) => `${one.state}: ${one.step}`),
    [
      "Running: upgrade from v1.0.0 to v1.1.0",
      "Waiting: upgrade from v1.1.0 to v1.2.0",
      "Waiting: let registry take entries of endpoints of older releases",
      "Done: change Deployment nsm-system/registry",
      "Running: change DaemonSet nsm-system/nsmgr",
      "Waiting: change DaemonSet nsm-system/one, DaemonSet nsm-system/two",
      "Waiting: change Deployment nsm-system/webhook",
    ],
  );
  assert.equal(status?.targetVersion, "v1.2.0");
  assert.equal(status?.components?.length, 5);
});

test("a step whose objects the API server refuses is rolled back after its time as well", async () => {
  await using world = await installed({ progressDeadlineMs: 2_000 });
  world.server.intercept = async (verb, _, place) => {
    if (verb !== "apply" || place.name !== "one") return;
    const { spec } = await world.get();
    const { status } = await world.get();
    if ((spec as { version: string }).version !== "v1.1.0" || status?.upgrade?.state !== "Running") return;
    throw new CodedError("INVALID_CONFIG", "spec.template: no such field", { details: { status: 422 } });
  };
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.1.0" } });
  const { status } = await world.until(
    (one) => condition(one, "Degraded") === "True UpgradeRolledBack",
    "mesh",
    20_000,
  );
  assert.equal(status?.currentVersion, "v1.0.0");
  assert.match(status?.history?.[0]?.message ?? "", /v1\.1\.0 did not become available \(.*no such field/);
});

test("a spec that becomes wrong in the middle of an upgrade does not stop it", async () => {
  await using world = await installed();
  world.kubelets.fate = (object) => (imageOf(object) === "nsmgr:v1.1.0" ? "stuck" : "ready");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.2.0" } });
  await world.until((one) => one.status?.progress?.phase === "managers of v1.1.0");
  await world.server.mergePatch(nsms, at, { spec: { wrong: "7" } });
  await world.until((one) => condition(one, "Degraded") === "True InvalidSpec");
  world.kubelets.fate = () => "ready";
  await world.kubelets.again();
  const { status } = await world.until((one) => one.status?.currentVersion === "v1.2.0" && !one.status.upgrade);
  assert.equal(status?.phase, "Invalid");
});

test("an upgrade that was taken back stands in the history", async () => {
  await using world = await installed();
  world.kubelets.fate = (object) => (imageOf(object) === "nsmgr:v1.1.0" ? "stuck" : "ready");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.1.0" } });
  await world.until((one) => one.status?.progress?.phase === "managers of v1.1.0");
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.0.0" } });
  const { status } = await world.until((one) => isReady(one) && one.status?.observedGeneration === 3);
  assert.equal(status?.history?.[0]?.result, "Failed");
  assert.match(status?.history?.[0]?.message ?? "", /upgrade from v1\.0\.0 to v1\.1\.0 was taken back/);
});

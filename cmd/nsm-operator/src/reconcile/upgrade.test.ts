import assert from "node:assert/strict";
import { test } from "node:test";
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

import assert from "node:assert/strict";
import { test } from "node:test";
import { kindNamed } from "../inventory/kinds.ts";
import { meshLabel } from "../mesh/marks.ts";
import { nsms } from "../status/status.ts";
import { smallNsm } from "../testing/small-mesh.ts";
import { condition, isReady, leftovers, until, World } from "../testing/world.ts";

const at = (name: string) => ({ namespace: "nsm-system", name });

async function installed(): Promise<World> {
  const world = await new World().start();
  await world.server.create(nsms, smallNsm());
  await world.settled();
  await world.quiet();
  return world;
}

test("a steady state makes no write, whatever wakes the operator", async () => {
  await using world = await installed();
  const before = world.server.writes;
  world.server.cutWatches();
  world.server.compact();
  await world.kubelets.again();
  await world.operator?.close();
  await world.startOperator();
  await until(
    async () => world.operator?.leading,
    (leading) => leading === true,
  );
  await world.quiet();
  // Only the Lease: given back, taken.
  const lease = 2;
  assert.equal(world.server.writes - before, lease);
});

test("an edited object is put right", async () => {
  await using world = await installed();
  const patch = { spec: { template: { spec: { containers: [{ name: "nsmgr", image: "evil" }] } } } };
  await world.server.mergePatch(kindNamed("DaemonSet"), at("nsmgr"), patch);
  await until(
    async () => JSON.stringify(await world.server.get(kindNamed("DaemonSet"), at("nsmgr"))),
    (text) => text.includes("example.org/nsmgr:v1.0.0") && !text.includes("evil"),
  );
});

test("a deleted object comes back, even while an earlier part is not available", async () => {
  await using world = await installed();
  world.kubelets.fate = (object) => (object.metadata.name === "nsmgr" ? "stuck" : "ready");
  await world.kubelets.again();
  await world.until((nsm) => condition(nsm, "ManagersAvailable") === "False Unavailable");
  await world.server.delete(kindNamed("DaemonSet"), at("forwarder"));
  await until(
    () => world.server.find(kindNamed("DaemonSet"), at("forwarder")),
    (found) => found !== undefined,
  );
});

test("an object that lost its label is found and labelled again", async () => {
  await using world = await installed();
  await world.server.mergePatch(kindNamed("Service"), at("registry"), { metadata: { labels: { [meshLabel]: null } } });
  const healed = await until(
    () => world.server.get(kindNamed("Service"), at("registry")),
    (service) => service.metadata.labels?.[meshLabel] !== undefined,
  );
  assert.equal(healed.metadata.labels?.[meshLabel], "nsm-system.mesh");
});

test("a change of the resource reaches every object", async () => {
  await using world = await installed();
  await world.server.mergePatch(nsms, at("mesh"), { spec: { logLevel: "DEBUG" } });
  await world.until((nsm) => isReady(nsm) && nsm.status?.observedGeneration === 2);
  for (const [kind, name] of [
    ["DaemonSet", "nsmgr"],
    ["DaemonSet", "forwarder"],
    ["Deployment", "registry"],
  ] as const) {
    assert.match(JSON.stringify(await world.server.get(kindNamed(kind), at(name))), /"DEBUG"/);
  }
});

test("what is no longer wanted is removed once the rest is in place", async () => {
  await using world = await installed();
  await world.server.mergePatch(nsms, at("mesh"), { spec: { forwarders: ["other"] } });
  await world.until((nsm) => isReady(nsm) && nsm.status?.observedGeneration === 2);
  const daemons = (await leftovers(world.server)).filter((name) => name.startsWith("DaemonSet"));
  assert.deepEqual(daemons, ["DaemonSet nsmgr", "DaemonSet other"]);
});

test("a selector that cannot be changed in place is planned, told, and then the object is made anew", async () => {
  await using world = await installed();
  const { uid } = (await world.server.get(kindNamed("DaemonSet"), at("nsmgr"))).metadata;
  const plans: string[] = [];
  world.server.intercept = async (verb, _, place) => {
    if (verb !== "delete" || place.name !== "nsmgr") return;
    world.server.intercept = () => {};
    plans.push(...((await world.get()).status?.plan ?? []).map((one) => one.step));
  };
  await world.server.mergePatch(nsms, at("mesh"), { spec: { selector: "manager" } });
  const { status } = await world.until((one) => isReady(one) && one.status?.observedGeneration === 2);
  const now = await world.server.get(kindNamed("DaemonSet"), at("nsmgr"));
  assert.notEqual(now.metadata.uid, uid);
  assert.deepEqual(plans, ["delete and recreate DaemonSet nsm-system/nsmgr: spec.selector cannot be changed in place"]);
  assert.equal(status?.plan, undefined);
  await world.told("DisruptivePlan", /delete and recreate DaemonSet nsm-system\/nsmgr/);
  await world.told("Recreated", /DaemonSet nsm-system\/nsmgr/);
});

test("a webhook configuration goes while its backend has no Pod, and comes back with it", async () => {
  await using world = await installed();
  const configuration = () => world.server.find(kindNamed("MutatingWebhookConfiguration"), { name: "webhook" });
  world.kubelets.fate = (object) => (object.metadata.name === "webhook" ? "stuck" : "ready");
  await world.kubelets.again();
  await until(configuration, (found) => found === undefined);
  world.kubelets.fate = () => "ready";
  await world.kubelets.again();
  await until(configuration, (found) => found !== undefined);
});

test("an object of somebody else is not touched, and the status says what to do", async () => {
  await using world = await new World().start();
  const foreign = { apiVersion: "v1", kind: "Service", metadata: at("registry"), spec: { ports: [{ port: 1 }] } };
  await world.server.create(kindNamed("Service"), foreign);
  await world.server.create(nsms, smallNsm());
  const nsm = await world.until((one) => condition(one, "Degraded") === "True ObjectNotOurs");
  assert.match(
    nsm.status?.conditions?.[0]?.message ?? "",
    /Service nsm-system\/registry exists .* delete or rename it/,
  );
  const left = await world.server.get(kindNamed("Service"), at("registry"));
  assert.deepEqual(left.spec, foreign.spec);
});

test("a mesh whose new spec is wrong is kept by the one before, and the status says both", async () => {
  await using world = await installed();
  await world.server.mergePatch(nsms, at("mesh"), { spec: { logLevel: "DEBUG" } });
  await world.until((one) => isReady(one) && one.status?.observedGeneration === 2);
  await world.server.mergePatch(nsms, at("mesh"), { spec: { wrong: "7", logLevel: "TRACE" } });
  const { status } = await world.until((one) => condition(one, "Degraded") === "True InvalidSpec");
  assert.equal(status?.phase, "Invalid");
  assert.equal(status?.observedGeneration, 3);
  assert.match(status?.conditions?.[0]?.message ?? "", /spec\.wrong: 7; leave it out \(the mesh is kept/);
  const forwarder = () => world.server.find(kindNamed("DaemonSet"), at("forwarder"));
  await world.server.delete(kindNamed("DaemonSet"), at("forwarder"));
  const healed = await until(forwarder, (found) => found !== undefined);
  assert.match(JSON.stringify(healed), /"DEBUG"/);
  // What is found meanwhile is told too, by another process as well.
  await world.operator?.close();
  world.kubelets.fate = (object) => (object.metadata.name === "nsmgr" ? "stuck" : "ready");
  await world.kubelets.again();
  await world.startOperator();
  await world.until((one) => condition(one, "ManagersAvailable") === "False Unavailable");
  world.kubelets.fate = () => "ready";
  await world.kubelets.again();
  await world.server.mergePatch(nsms, at("mesh"), { spec: { wrong: null } });
  await world.until((one) => isReady(one) && one.status?.observedGeneration === 4 && one.status.phase === "Running");
  assert.match(JSON.stringify(await forwarder()), /"TRACE"/);
});

test("a first spec that is wrong touches nothing", async () => {
  await using world = await new World().start();
  await world.server.create(nsms, smallNsm({ wrong: "7" }));
  const nsm = await world.until((one) => condition(one, "Ready") === "False InvalidSpec");
  assert.equal(nsm.status?.phase, "Invalid");
  assert.equal(nsm.metadata.finalizers, undefined);
  assert.deepEqual(await leftovers(world.server), []);
});

test("an install is planned before anything is made, and told when it is done", async () => {
  await using world = await new World().start();
  const plan: string[] = [];
  world.server.intercept = async (verb, resource) => {
    if (verb !== "apply" || resource.kind !== "Secret") return;
    world.server.intercept = () => {};
    plan.push(...((await world.get()).status?.plan ?? []).map((one) => `${one.state} ${one.step}`));
  };
  await world.server.create(nsms, smallNsm());
  const { status } = await world.settled();
  assert.equal(plan[0], "Waiting make CustomResourceDefinition networkservices.networkservicemesh.io");
  assert.ok(plan.includes("Waiting make Deployment nsm-system/registry, Service nsm-system/registry"), plan.join("\n"));
  const [past] = status?.history ?? [];
  assert.deepEqual(
    { ...past, startedAt: typeof past?.startedAt, finishedAt: typeof past?.finishedAt },
    { version: "v1.0.0", result: "Completed", message: "installed v1.0.0", startedAt: "string", finishedAt: "string" },
  );
  await world.told("Planned", /make Deployment/);
  await world.told("Installed", /installed v1\.0\.0/);
});

test("a second mesh is refused until the first is gone", async () => {
  await using world = await installed();
  await world.server.create(nsms, smallNsm({ logLevel: "DEBUG" }, "second"));
  const second = await world.until((nsm) => condition(nsm, "Ready") === "False AnotherMesh", "second");
  assert.match(second.status?.conditions?.[0]?.message ?? "", /NSM nsm-system\/mesh already; delete one/);
  assert.ok(isReady(await world.get()));
  await world.server.delete(nsms, at("mesh"));
  await world.settled("second");
});

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

test("a selector that cannot be changed in place is announced, then the object is made anew", async () => {
  await using world = await installed();
  const { uid } = (await world.server.get(kindNamed("DaemonSet"), at("nsmgr"))).metadata;
  const order: string[] = [];
  world.server.intercept = (verb, resource, place) => {
    if (verb === "delete") order.push(`delete ${place.name}`);
    if (verb === "patch" && resource.kind === "NSM") order.push("status");
  };
  await world.server.mergePatch(nsms, at("mesh"), { spec: { selector: "manager" } });
  const nsm = await world.until((one) => isReady(one) && one.status?.observedGeneration === 2);
  const now = await world.server.get(kindNamed("DaemonSet"), at("nsmgr"));
  assert.notEqual(now.metadata.uid, uid);
  assert.equal(order[order.indexOf("delete nsmgr") - 1], "status");
  const told = nsm.status?.history?.map((entry) => entry.message) ?? [];
  assert.match(told.join("\n"), /delete and recreate DaemonSet nsm-system\/nsmgr: spec\.selector cannot be changed/);
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

test("a second mesh is refused until the first is gone", async () => {
  await using world = await installed();
  await world.server.create(nsms, smallNsm({ logLevel: "DEBUG" }, "second"));
  const second = await world.until((nsm) => condition(nsm, "Ready") === "False AnotherMesh", "second");
  assert.match(second.status?.conditions?.[0]?.message ?? "", /NSM nsm-system\/mesh already; delete one/);
  assert.ok(isReady(await world.get()));
  await world.server.delete(nsms, at("mesh"));
  await world.settled("second");
});

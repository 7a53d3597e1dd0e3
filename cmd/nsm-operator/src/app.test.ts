import assert from "node:assert/strict";
import { test } from "node:test";
import { nsms } from "./status/status.ts";
import { smallNsm } from "./testing/small-mesh.ts";
import { condition, leftovers, World } from "./testing/world.ts";

test("an NSM resource becomes all of its objects, and its status says so", async () => {
  await using world = await new World().start();
  await world.server.create(nsms, smallNsm());
  const { status } = await world.settled();
  assert.equal(status?.currentVersion, "v1.0.0");
  assert.equal(status?.phase, "Running");
  assert.deepEqual([status?.registry, status?.managers, status?.forwarders], ["1/1", "3/3", "3/3"]);
  assert.deepEqual(await leftovers(world.server), [
    "ClusterRole nsmgr",
    "CustomResourceDefinition networkservices.networkservicemesh.io",
    "DaemonSet forwarder",
    "DaemonSet nsmgr",
    "Deployment registry",
    "Deployment webhook",
    "MutatingWebhookConfiguration webhook",
    "Secret webhook-certs",
    "Secret webhook-certs-ca",
    "Service registry",
    "Service webhook",
    "ServiceAccount nsmgr",
  ]);
  const types = status?.conditions?.map(({ type, status }) => `${type}=${status}`);
  assert.deepEqual(types, [
    "Ready=True",
    "Progressing=False",
    "Degraded=False",
    "RegistryAvailable=True",
    "ManagersAvailable=True",
    "ForwardersAvailable=True",
    "WebhookAvailable=True",
    "UpgradeInProgress=False",
  ]);
});

test("a removed NSM resource leaves nothing behind", async () => {
  await using world = await new World().start();
  await world.server.create(nsms, smallNsm());
  await world.settled();
  await world.server.delete(nsms, { namespace: "nsm-system", name: "mesh" });
  await world.gone();
  assert.deepEqual(await leftovers(world.server), []);
});

test("a wrong document touches nothing and is answered with its problem", async () => {
  await using world = await new World().start();
  await world.server.create(nsms, smallNsm({ wrong: "7" }));
  const nsm = await world.until((one) => condition(one, "Ready") === "False InvalidSpec");
  assert.match(nsm.status?.conditions?.[0]?.message ?? "", /spec\.wrong: 7; leave it out/);
  assert.deepEqual(nsm.metadata.finalizers ?? [], []);
  assert.deepEqual(await leftovers(world.server), []);
});

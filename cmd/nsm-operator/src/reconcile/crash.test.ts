import assert from "node:assert/strict";
import { test } from "node:test";
import type { Resource } from "@nsmkit/kube";
import { nsms } from "../status/status.ts";
import { MortalClient } from "../testing/mortal-client.ts";
import { smallNsm } from "../testing/small-mesh.ts";
import { isReady, leftovers, World } from "../testing/world.ts";

const at = { namespace: "nsm-system", name: "mesh" };
const leases: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

interface Story {
  readonly prepare?: (world: World) => Promise<void>;
  readonly act: (world: World) => Promise<unknown>;
  readonly ended: (world: World) => Promise<unknown>;
  readonly check: (world: World) => Promise<void>;
}

/** Does `act` with an operator that dies at its n-th write, then starts another one. @returns whether it outlived the act */
async function dieAt(n: number, story: Story): Promise<boolean> {
  await using world = new World();
  world.kubelets.start();
  if (story.prepare) {
    await world.startOperator();
    await story.prepare(world);
    await world.quiet(60);
    await world.operator?.close();
  }
  const mortal = new MortalClient(world.server, n);
  await world.startOperator(mortal.client);
  await story.act(world);
  const lived = await Promise.race([mortal.died.then(() => false), story.ended(world).then(() => true)]);
  await world.operator?.close();
  // A dead leader's Lease would keep the next one waiting for 15 s.
  await world.server.delete(leases, { namespace: "nsm-system", name: "nsm-operator" });
  await world.startOperator();
  await story.ended(world);
  await world.quiet(60);
  await story.check(world);
  return lived;
}

/** For n = 1, 2, 3 … until the operator lives long enough; several at a time, as they mostly wait. */
async function dieEverywhere(story: Story): Promise<number> {
  const batch = 12;
  for (let from = 1; ; from += batch) {
    const lived = await Promise.all(Array.from({ length: batch }, (_, i) => dieAt(from + i, story)));
    if (lived.includes(true)) return from + lived.indexOf(true);
    assert.ok(from < 200, "the operator writes without end");
  }
}

const install = async (world: World): Promise<void> => {
  await world.server.create(nsms, smallNsm());
  await world.settled();
};

test("an install goes on wherever the operator died", { timeout: 120_000 }, async (t) => {
  const whole = [
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
  ];
  const writes = await dieEverywhere({
    act: (world) => world.server.create(nsms, smallNsm()),
    ended: (world) => world.settled(),
    check: async (world) => assert.deepEqual(await leftovers(world.server), whole),
  });
  t.diagnostic(`${writes - 1} places`);
});

test("a removal goes on wherever the operator died, and leaves nothing", { timeout: 120_000 }, async (t) => {
  const writes = await dieEverywhere({
    prepare: install,
    act: (world) => world.server.delete(nsms, at),
    ended: (world) => world.gone(),
    check: async (world) => assert.deepEqual(await leftovers(world.server), []),
  });
  t.diagnostic(`${writes - 1} places`);
});

test("an upgrade over two releases goes on wherever the operator died", { timeout: 120_000 }, async (t) => {
  const writes = await dieEverywhere({
    prepare: install,
    act: (world) => world.server.mergePatch(nsms, at, { spec: { version: "v1.2.0" } }),
    ended: (world) => world.until((nsm) => isReady(nsm) && nsm.status?.currentVersion === "v1.2.0"),
    check: async (world) => {
      const { status } = await world.get();
      assert.deepEqual([...new Set(status?.components?.map((one) => one.version))], ["v1.2.0"]);
      const steps = status?.history?.map((entry) => entry.message).filter((what) => what.startsWith("upgraded"));
      assert.deepEqual(steps, ["upgraded from v1.1.0 to v1.2.0", "upgraded from v1.0.0 to v1.1.0"]);
      assert.equal(status?.upgrade, undefined);
    },
  });
  t.diagnostic(`${writes - 1} places`);
});

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { messageOf } from "@nsmkit/core";
import type { Client, Resource } from "@nsmkit/kube";
import { kindNamed } from "../../cmd/nsm-operator/src/inventory/kinds.ts";
import { nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { MortalClient } from "../../cmd/nsm-operator/src/testing/mortal-client.ts";
import { smallMesh, smallNsm } from "../../cmd/nsm-operator/src/testing/small-mesh.ts";
import { isReady, leftovers, until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ControlPlane, controlPlaneMissing, freePort } from "./control-plane.ts";
import { namespace, OperatorWorld } from "./operator-world.ts";

const leases: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

describe("the operator with its own rights on a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: OperatorWorld;
  before(async () => {
    plane = await ControlPlane.start();
    world = await OperatorWorld.open(plane);
  });
  after(async () => {
    await world?.close();
    await plane?.close();
  });
  afterEach(() => world.stopOperator());

  async function served(): Promise<void> {
    await until(
      async () => world.admin.list(nsms).catch(() => undefined),
      (list) => list !== undefined,
      undefined,
      20_000,
    );
  }

  test("a small mesh is installed, repaired, left alone and removed", { timeout: 60_000 }, async () => {
    await world.startOperator({ port: smallMesh });
    await served();
    await world.admin.create(nsms, smallNsm());
    await world.settled("mesh");
    const forwarder = { namespace, name: "forwarder" };
    await world.admin.delete(kindNamed("DaemonSet"), forwarder);
    await until(
      () => world.admin.find(kindNamed("DaemonSet"), forwarder),
      (found) => found !== undefined,
    );
    await world.settled("mesh");
    await world.admin.delete(nsms, { namespace, name: "mesh" });
    await world.gone("mesh");
    assert.deepEqual(await leftovers(world.admin), []);
  });

  test("the API server asks the operator about a resource, and keeps working without it", {
    timeout: 60_000,
  }, async () => {
    const port = await freePort();
    const webhook = { webhookListenOn: `127.0.0.1:${port}`, webhookUrl: `https://localhost:${port}/validate` };
    await world.startOperator({ port: smallMesh, config: webhook });
    await served();
    const wrong = smallNsm({ wrong: "7" }, "wrong");
    const refused = await until(
      async () =>
        world.admin.create(nsms, wrong, { dryRun: true }).then(
          () => "",
          (error: unknown) => messageOf(error),
        ),
      (message) => message !== "",
      undefined,
      20_000,
    );
    assert.match(refused, /denied the request: spec\.wrong: 7; leave it out/);
    await world.stopOperator();
    await world.admin.create(nsms, wrong);
    await world.admin.delete(nsms, { namespace, name: "wrong" });
  });

  test("an install goes on after a restart of the API server in the middle", { timeout: 90_000 }, async () => {
    world.kubelets.fate = (object) => (object.metadata.name === "nsmgr" ? "stuck" : "ready");
    await world.startOperator({ port: smallMesh });
    await world.admin.create(nsms, smallNsm({}, "restart"));
    await world.until((nsm) => nsm.status?.progress?.phase.startsWith("managers") === true, "restart");
    await plane.killApiServer();
    await plane.startApiServer();
    world.kubelets.fate = () => "ready";
    await world.kubelets.again();
    await world.settled("restart");
    await plane.killApiServer();
    await plane.startApiServer();
    // The paths of custom resources come some time after the server itself.
    await until(
      () => world.admin.delete(nsms, { namespace, name: "restart" }).catch(() => false),
      (done) => done,
      undefined,
      20_000,
    );
    await world.gone("restart");
    assert.deepEqual(await leftovers(world.admin), []);
  });

  test("an operator that dies now and then still installs and removes", { timeout: 120_000 }, async () => {
    // Each life listens where the one before did, as Pods of one Deployment do: what it finds there is as it wants it.
    const config = { webhookListenOn: `127.0.0.1:${await freePort()}` };
    const dying = async (every: number, done: () => Promise<boolean>): Promise<number> => {
      for (let deaths = 0; deaths < 40; deaths++) {
        let mortal: MortalClient | undefined;
        const wrap = (client: Client): Client => {
          mortal = new MortalClient(client, every);
          return mortal.client;
        };
        await world.startOperator({ port: smallMesh, config, wrap });
        const lived = await until(
          async () => ((await done()) ? "done" : mortal?.dead ? "dead" : ""),
          (state) => state !== "",
          undefined,
          30_000,
        );
        await world.stopOperator();
        await world.admin.delete(leases, { namespace, name: "nsm-operator" });
        if (lived === "done") return deaths;
      }
      throw new Error(`no end after 40 lives of ${every} writes`);
    };
    await world.admin.create(nsms, smallNsm({}, "dying"));
    const get = () => world.admin.find(nsms, { namespace, name: "dying" });
    const installs = await dying(7, async () => isReady((await get()) ?? smallNsm()));
    await world.admin.delete(nsms, { namespace, name: "dying" });
    const removals = await dying(5, async () => (await get()) === undefined);
    assert.ok(installs > 1 && removals > 1, `died ${installs} and ${removals} times`);
    assert.deepEqual(await leftovers(world.admin), []);
  });
});

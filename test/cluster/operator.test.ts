import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { kindNamed } from "../../cmd/nsm-operator/src/inventory/kinds.ts";
import { nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { smallMesh, smallNsm } from "../../cmd/nsm-operator/src/testing/small-mesh.ts";
import { leftovers, until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";
import { namespace, OperatorWorld } from "./operator-world.ts";

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

  /** Writes of the operator's: the API server counts them by user only in its audit log, the client counts its own. */
  test("a small mesh is installed, repaired, left alone and removed", { timeout: 60_000 }, async () => {
    await world.startOperator({ port: smallMesh });
    await until(
      () => world.admin.find(kindNamed("CustomResourceDefinition"), { name: "nsms.nsm.networkservicemesh.io" }),
      (found) =>
        JSON.stringify(found?.status ?? {}).includes('"Established","status":"True"') ||
        /Established/.test(JSON.stringify(found?.status ?? {})),
    );
    await until(
      () =>
        world.admin.list(nsms).then(
          () => true,
          () => false,
        ),
      (served) => served,
    );
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
});

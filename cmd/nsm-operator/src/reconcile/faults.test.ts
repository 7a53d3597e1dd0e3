import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { kindNamed } from "../inventory/kinds.ts";
import { nsms } from "../status/status.ts";
import { smallNsm } from "../testing/small-mesh.ts";
import { leftovers, until, World } from "../testing/world.ts";

const at = { namespace: "nsm-system", name: "mesh" };

const faults: Readonly<Record<string, () => CodedError>> = {
  "409": () => new CodedError("CONFLICT", "modified", { retryable: true, details: { status: 409 } }),
  "429": () => new CodedError("RESOURCE_EXHAUSTED", "slow down", { details: { status: 429, retryAfterMs: 5 } }),
  "500": () => new CodedError("UNAVAILABLE", "internal error", { details: { status: 500 } }),
};

for (const [status, error] of Object.entries(faults)) {
  test(`an API server that answers every third write with ${status} delays the mesh, no more`, async () => {
    await using world = await new World().start();
    let writes = 0;
    let failed = 0;
    world.server.intercept = (verb, resource) => {
      const counted = verb === "apply" || verb === "delete" || (verb === "patch" && resource.kind === "NSM");
      if (!counted || ++writes % 3 !== 0) return;
      failed++;
      throw error();
    };
    await world.server.create(nsms, smallNsm());
    await world.settled();
    await until(
      () => world.server.delete(nsms, at).catch(() => false),
      (done) => done,
    );
    await world.gone();
    assert.deepEqual(await leftovers(world.server), []);
    assert.ok(failed > 3, `only ${failed} writes failed`);
  });
}

test("watches that are cut and expire do not hide a drift", async () => {
  await using world = await new World().start();
  await world.server.create(nsms, smallNsm());
  await world.settled();
  for (const name of ["nsmgr", "forwarder"]) {
    world.server.cutWatches();
    await world.server.delete(kindNamed("DaemonSet"), { namespace: "nsm-system", name });
    world.server.compact();
    await until(
      () => world.server.find(kindNamed("DaemonSet"), { namespace: "nsm-system", name }),
      (found) => found !== undefined,
    );
  }
});

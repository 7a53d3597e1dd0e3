import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import fc from "fast-check";
import { createScheduler, type RecordedTxnOp } from "../index.ts";
import { change } from "../testing/arbitrary.ts";
import { FakeSouthbound, testDescriptor } from "../testing/index.ts";

const lines = (ops: readonly RecordedTxnOp[] = []): string[] =>
  ops.map(
    ({ Operation, Key, PrevState, NewState, NOOP }) => `${Operation} ${Key} ${PrevState} -> ${NewState} ${NOOP ?? ""}`,
  );

test("when every call succeeds at once, what is executed is what was planned, and planning changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 }),
      async (txns) => {
        const southbound = new FakeSouthbound();
        const clock = new FakeClock();
        const descriptors = ["a/", "b/", "d/"].map((prefix) =>
          testDescriptor(southbound, prefix, { retrievable: false }),
        );
        const scheduler = createScheduler({ clock, descriptors });
        for (const changes of txns) {
          const txn = scheduler.transaction();
          for (const [key, value] of changes) {
            if (value) txn.set(key, value);
            else txn.delete(key);
          }
          const before = scheduler.graphSnapshot();
          southbound.take();
          const planned = lines(txn.plan());
          assert.deepEqual(southbound.take(), []);
          assert.deepEqual(scheduler.graphSnapshot(), before);
          const started = txn.start();
          await started.settled;
          assert.deepEqual(lines(started.record().Executed), planned);
        }
        await scheduler.close();
      },
    ),
    { numRuns: Number(process.env.FC_RUNS ?? 100) },
  );
});

test("a plan takes for granted that what is under way succeeds", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "if/")] });
  const hang = southbound.hang("create", "if/slow");
  scheduler
    .transaction()
    .set("if/slow", {})
    .set("if/waiting", { needs: ["if/slow"] })
    .start();
  const planned = scheduler
    .transaction()
    .set("if/new", { needs: ["if/waiting"] })
    .plan();
  assert.deepEqual(lines(planned), ["CREATE if/new undefined -> CONFIGURED "]);
  hang.release();
  await scheduler.barrier();
});

test("a plan shows what would be refused", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "if/")] });
  const [op] = scheduler
    .transaction()
    .set("if/a", { invalid: ["mtu"] })
    .plan();
  assert.equal(op?.NewState, "INVALID");
  assert.equal(op?.NewErrMsg, "if/a is refused");
});

test("with simulate, the plan is part of the record", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "if/")], simulate: true });
  southbound.fail("create", "if/a");
  const started = scheduler.transaction().set("if/a", {}).start();
  await started.settled;
  assert.deepEqual(lines(started.planned), ["CREATE if/a undefined -> CONFIGURED "]);
  const record = started.record();
  assert.equal(record.WithSimulation, true);
  assert.deepEqual(lines(record.Planned), lines(started.planned));
  assert.deepEqual(lines(record.Executed), ["CREATE if/a undefined -> FAILED "]);
});

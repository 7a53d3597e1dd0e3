import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import fc from "fast-check";
import { createScheduler, type ResyncKind } from "./index.ts";
import { FakeSouthbound, type SouthboundOperation, testDescriptor } from "./testing/index.ts";

const ring = ["r/0", "r/1", "r/2", "r/3", "r/4"];
const change = fc.tuple(fc.constantFrom(...ring), fc.option(fc.subarray([...ring, "o/x"]), { freq: 4 }));
const failure = fc.tuple(
  fc.constantFrom<SouthboundOperation>("create", "update", "delete"),
  fc.constantFrom(...ring, "o/x"),
);
const step = fc.record({
  changes: fc.array(change, { maxLength: 8 }),
  outside: fc.boolean(),
  failures: fc.array(failure, { maxLength: 2 }),
  resync: fc.option(fc.constantFrom<ResyncKind>("full", "upstream", "downstream"), { freq: 4 }),
  waitMs: fc.constantFrom(0, 3, 40),
});

/** Values fall out one by one as long as something they need is missing; circles that lack nothing remain. */
function standing(wanted: ReadonlyMap<string, readonly string[]>): string[] {
  const left = new Map(wanted);
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const [key, needs] of left) if (!needs.every((need) => left.has(need))) left.delete(key);
  }
  return [...left.keys()].sort();
}

test("in any graph with circles, exactly what has all it needs outside its circle exists in the end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 5 }), fc.boolean(), async (steps, slow) => {
      const clock = new FakeClock();
      const southbound = new FakeSouthbound(clock);
      let begun = 0;
      southbound.onBegin = () => assert.ok(++begun < 2000, "endless work");
      if (slow) southbound.latencyMs = () => 5;
      const logger = new RecordingLogger();
      const descriptors = ["r/", "o/"].map((prefix) => testDescriptor(southbound, prefix));
      const scheduler = createScheduler({ clock, logger, descriptors });
      const wanted = new Map<string, readonly string[]>();
      for (const { changes, outside, failures, resync, waitMs } of steps) {
        for (const [operation, key] of failures) southbound.fail(operation, key);
        const named = new Set<string>();
        for (const [key, needs] of [...changes, ["o/x", outside ? [] : null] as const]) {
          named.add(key);
          if (needs) wanted.set(key, needs);
          else wanted.delete(key);
        }
        const txn = scheduler.transaction();
        // A resync with input names everything, one without input nothing.
        for (const key of resync ? [...ring, "o/x"] : named) {
          const needs = wanted.get(key);
          if (needs) txn.set(key, { needs });
          else txn.delete(key);
        }
        const retry = { periodMs: 20, maxCount: 0, maxPeriodMs: 40 };
        if (resync !== "downstream") txn.start({ retry, ...(resync ? { resync } : {}) });
        else {
          txn.start({ retry });
          scheduler.transaction().start({ retry, resync });
        }
        await clock.advance(waitMs);
      }
      await clock.advance(2000);
      assert.deepEqual([...southbound.values.keys()].sort(), standing(wanted));
      assert.deepEqual(southbound.violations, []);
      const deadlocks = logger.lines.filter(({ message }) => message === "values cannot be decided about");
      assert.deepEqual(deadlocks, []);
      assert.equal(scheduler.metrics().queueLength, 0);
      await scheduler.close();
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 150) },
  );
});

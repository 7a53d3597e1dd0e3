import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import fc from "fast-check";
import { createScheduler } from "./index.ts";
import { FakeSouthbound, testDescriptor } from "./testing/index.ts";

const ring = ["r/0", "r/1", "r/2", "r/3", "r/4"];

test("in any graph with circles, exactly what has all it needs outside its circle exists in the end", async () => {
  const values = fc.array(fc.tuple(fc.constantFrom(...ring), fc.option(fc.subarray([...ring, "o/x"]), { freq: 4 })), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(values, { maxLength: 5 }),
      fc.array(fc.boolean()),
      fc.boolean(),
      async (txns, outside, slow) => {
        const clock = new FakeClock();
        const southbound = new FakeSouthbound(clock);
        if (slow) southbound.latencyMs = () => 5;
        const logger = new RecordingLogger();
        const scheduler = createScheduler({
          clock,
          logger,
          descriptors: [testDescriptor(southbound, "r/"), testDescriptor(southbound, "o/")],
        });
        const wanted = new Map<string, readonly string[]>();
        for (const [i, changes] of txns.entries()) {
          const txn = scheduler.transaction();
          for (const [key, needs] of changes) {
            if (needs) wanted.set(key, needs);
            else wanted.delete(key);
            if (needs) txn.set(key, { needs });
            else txn.delete(key);
          }
          if (outside[i]) wanted.set("o/x", []);
          else wanted.delete("o/x");
          if (outside[i]) txn.set("o/x", {});
          else txn.delete("o/x");
          txn.start();
          await clock.advance(3);
        }
        await clock.advance(1000);
        // Values fall out one by one as long as something they need is missing; circles that lack nothing remain.
        const expected = new Map(wanted);
        for (let before = -1; before !== expected.size; ) {
          before = expected.size;
          for (const [key, needs] of expected) if (!needs.every((need) => expected.has(need))) expected.delete(key);
        }
        assert.deepEqual([...southbound.values.keys()].sort(), [...expected.keys()].sort());
        assert.deepEqual(southbound.violations, []);
        assert.deepEqual(
          logger.lines.filter(({ message }) => message === "values wait for each other"),
          [],
        );
        assert.equal(scheduler.metrics().queueLength, 0);
        await scheduler.close();
      },
    ),
    { numRuns: Number(process.env.FC_RUNS ?? 150) },
  );
});

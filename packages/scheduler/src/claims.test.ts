import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import fc from "fast-check";
import { createScheduler } from "./index.ts";
import { FakeSouthbound, type TestValue, testDescriptor } from "./testing/index.ts";

test("no two values ever hold the same claim, and every claim that is wanted is held in the end", async () => {
  const claim = fc.constantFrom("x", "y", "z");
  const step = fc.array(
    fc.tuple(fc.constantFrom("c/0", "c/1", "c/2", "c/3"), fc.option(fc.uniqueArray(claim), { freq: 3 })),
    {
      maxLength: 4,
    },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 6 }),
      fc.constantFrom(0, 3),
      fc.boolean(),
      async (steps, latency, inPlace) => {
        const clock = new FakeClock();
        const southbound = new FakeSouthbound(clock);
        southbound.latencyMs = () => latency;
        const clashes: string[] = [];
        southbound.onBegin = (operation, key, value) => {
          if (operation === "delete") return;
          for (const [other, its] of southbound.values) {
            const both = ((its as TestValue).claims ?? []).filter((c) => (value as TestValue).claims?.includes(c));
            if (other !== key && both.length > 0) clashes.push(`${key} took ${both} from ${other}`);
          }
        };
        const { update, ...recreated } = testDescriptor(southbound, "c/", { retrievable: false });
        const logger = new RecordingLogger();
        const scheduler = createScheduler({
          clock,
          logger,
          descriptors: [inPlace ? { ...recreated, ...(update ? { update } : {}) } : recreated],
        });
        const wanted = new Map<string, readonly string[]>();
        for (const changes of steps) {
          const txn = scheduler.transaction();
          for (const [key, claims] of changes) {
            if (claims) wanted.set(key, claims);
            else wanted.delete(key);
            if (claims) txn.set(key, { claims });
            else txn.delete(key);
          }
          txn.start();
          await clock.advance(2);
        }
        await clock.advance(1000);
        assert.deepEqual(clashes, []);
        assert.deepEqual(
          logger.lines.filter(({ message }) => message === "values cannot be decided about"),
          [],
        );
        assert.equal(scheduler.metrics().queueLength, 0, "a transaction did not settle");
        const held = [...southbound.values.values()].flatMap((value) => (value as TestValue).claims ?? []);
        for (const [key, claims] of wanted) {
          const isThere = String((southbound.values.get(key) as TestValue | undefined)?.claims) === String(claims);
          assert.ok(isThere || claims.some((c) => held.includes(c)), `${key} is missing although its claims are free`);
        }
        await scheduler.close();
      },
    ),
    { numRuns: Number(process.env.FC_RUNS ?? 150) },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import fc from "fast-check";
import { createScheduler } from "./index.ts";
import { FakeSouthbound, type TestValue, testDescriptor } from "./testing/index.ts";

test("calls that ignore their signals for long never overlap, and all is as wanted when they have returned", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("t/0", "t/1", "t/2"), fc.option(fc.constantFrom("1", "2")), fc.nat(400)), {
        maxLength: 12,
      }),
      fc.boolean(),
      async (changes, retrievable) => {
        const clock = new FakeClock();
        const southbound = new FakeSouthbound(clock);
        let call = 0;
        southbound.latencyMs = () => [0, 150, 30, 250][call++ % 4] ?? 0;
        const deaf = { signal: new AbortController().signal };
        const told = testDescriptor(southbound, "t/", { retrievable, timeoutMs: 100 });
        const descriptor = {
          ...told,
          create: (change: { key: string; value: unknown }) => told.create?.(change, deaf),
          update: (change: { key: string; oldValue: unknown; newValue: unknown; metadata: unknown }) =>
            told.update?.(change, deaf),
          delete: (change: { key: string; value: unknown; metadata: unknown }) => told.delete?.(change, deaf),
        };
        const logger = new RecordingLogger();
        const scheduler = createScheduler({ clock, logger, descriptors: [descriptor] });
        const wanted = new Map<string, string>();
        for (const [key, content, waitMs] of changes) {
          const txn = scheduler.transaction();
          if (content) wanted.set(key, content);
          else wanted.delete(key);
          if (content) txn.set(key, { content });
          else txn.delete(key);
          txn.start({ retry: { periodMs: 50, maxCount: 0, maxPeriodMs: 100 } });
          await clock.advance(waitMs);
        }
        await clock.advance(20_000);
        assert.deepEqual(southbound.violations, []);
        const found = [...southbound.values].map(([key, value]) => [key, (value as TestValue).content]);
        assert.deepEqual(found.sort(), [...wanted].sort());
        assert.deepEqual(
          logger.lines.filter(({ message }) => message === "values cannot be decided about"),
          [],
        );
        assert.equal(scheduler.metrics().queueLength, 0);
        await scheduler.close();
      },
    ),
    { numRuns: Number(process.env.FC_RUNS ?? 150) },
  );
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import fc from "fast-check";
import { Deadlines } from "./deadlines.ts";

describe("deadlines", () => {
  test("fire at their time, in order of time", async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    const deadlines = new Deadlines<string>(clock, (item) => fired.push(`${item}@${clock.now()}`));
    for (const [item, at] of [
      ["c", 30],
      ["a", 10],
      ["b", 20],
    ] as const)
      deadlines.set(item, at);
    await clock.advance(25);
    assert.deepEqual(fired, ["a@10", "b@20"]);
    assert.equal(deadlines.size, 1);
  });

  test("setting anew moves the time, both ways", async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    const deadlines = new Deadlines<string>(clock, (item) => fired.push(`${item}@${clock.now()}`));
    deadlines.set("later", 10);
    deadlines.set("later", 50);
    deadlines.set("earlier", 40);
    deadlines.set("earlier", 5);
    await clock.advance(100);
    assert.deepEqual(fired, ["earlier@5", "later@50"]);
  });

  test("10,000 of them cost one timer", () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines<number>(clock, () => {});
    for (let item = 0; item < 10_000; item++) deadlines.set(item, 60_000 + item);
    assert.equal(clock.pendingTimers, 1);
    deadlines.clear();
    assert.equal(clock.pendingTimers, 0);
  });

  test("a time that has passed is due at once", async () => {
    const clock = new FakeClock(1_000);
    const fired: string[] = [];
    const deadlines = new Deadlines<string>(clock, (item) => fired.push(item));
    deadlines.set("past", -5);
    await clock.advance(0);
    assert.deepEqual(fired, ["past"]);
  });

  test("whatever is set and deleted, each item fires at its last time, and only then", async () => {
    const operation = fc.record({ item: fc.nat(5), at: fc.option(fc.nat(100)) });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
        const clock = new FakeClock();
        const fired = new Map<number, number>();
        const deadlines = new Deadlines<number>(clock, (item) => {
          assert.ok(!fired.has(item));
          fired.set(item, clock.now());
        });
        const expected = new Map<number, number>();
        for (const { item, at } of operations) {
          if (at === null) {
            deadlines.delete(item);
            expected.delete(item);
          } else {
            deadlines.set(item, at);
            expected.set(item, at);
          }
        }
        await clock.advance(200);
        assert.deepEqual([...fired].sort(), [...expected].sort());
        assert.deepEqual([deadlines.size, clock.pendingTimers], [0, 0]);
      }),
      { numRuns: 30 },
    );
  });
});

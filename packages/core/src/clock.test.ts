import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "./clock.ts";
import { FakeClock } from "./testing/clock.ts";

test("a delay beyond what setTimeout can hold does not fire at once", async () => {
  let fired = false;
  const timer = systemClock.after(2 ** 31 + 5, () => {
    fired = true;
  });
  await systemClock.sleep(20);
  timer.cancel();
  assert.equal(fired, false);
});

test("the fake clock fires in order of time, then of creation, and not before", async () => {
  const clock = new FakeClock();
  const fired: string[] = [];
  clock.after(20, () => fired.push("late"));
  clock.after(10, () => fired.push("early"));
  clock.after(10, () => fired.push("early too"));
  await clock.advance(9);
  assert.deepEqual(fired, []);
  await clock.advance(11);
  assert.deepEqual(fired, ["early", "early too", "late"]);
});

test("cancelling a sleep rejects and leaves no timer", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const asleep = assert.rejects(clock.sleep(1000, { signal: controller.signal }), { code: "ABORTED" });
  controller.abort();
  await asleep;
  assert.equal(clock.pendingTimers, 0);
});

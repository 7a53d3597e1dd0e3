import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffDelay, retry } from "./backoff.ts";
import { CodedError } from "./errors.ts";
import { FakeClock } from "./testing/clock.ts";

test("the delay doubles from the initial one and stops at the maximum", () => {
  const options = { initialMs: 100, maxMs: 1000, jitter: 0 };
  assert.deepEqual(
    [1, 2, 3, 4, 5, 500].map((attempt) => backoffDelay(attempt, options)),
    [100, 200, 400, 800, 1000, 1000],
  );
});

test("jitter only shortens a delay, by at most its share", () => {
  assert.equal(
    backoffDelay(1, { initialMs: 100, jitter: 0.5 }, () => 0),
    50,
  );
  assert.equal(
    backoffDelay(1, { initialMs: 100, jitter: 0.5 }, () => 1),
    100,
  );
});

test("retry waits between attempts and returns the first success", async () => {
  const clock = new FakeClock();
  const times: number[] = [];
  const done = retry(
    async (attempt) => {
      times.push(clock.now());
      if (attempt < 3) throw new CodedError("UNAVAILABLE", "not yet");
      return attempt;
    },
    { clock, initialMs: 10, jitter: 0 },
  );
  await clock.advance(100);
  assert.equal(await done, 3);
  assert.deepEqual(times, [0, 10, 30]);
});

test("retry gives up at once on an error that cannot go away by itself", async () => {
  let attempts = 0;
  await assert.rejects(
    retry(async () => {
      attempts++;
      throw new CodedError("INVALID_ARGUMENT", "never");
    }),
    { code: "INVALID_ARGUMENT" },
  );
  assert.equal(attempts, 1);
});

test("retry ends while waiting when its signal is cancelled", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const done = retry(() => Promise.reject(new Error("no")), { clock, signal: controller.signal });
  const rejected = assert.rejects(done, { code: "ABORTED" });
  await clock.advance(10);
  controller.abort();
  await rejected;
  assert.equal(clock.pendingTimers, 0);
});

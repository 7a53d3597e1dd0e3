import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import { createScheduler, type RetryOptions } from "../index.ts";
import { FakeSouthbound, type TestDescriptorOptions, testDescriptor } from "../testing/index.ts";

/** Times, ms after the start, at which a create that always fails is attempted within `forMs`. */
async function attempts(
  retry: RetryOptions | boolean,
  forMs: number,
  options: TestDescriptorOptions = {},
): Promise<number[]> {
  const clock = new FakeClock();
  const southbound = new FakeSouthbound(clock);
  const times: number[] = [];
  southbound.onBegin = () => times.push(clock.now());
  southbound.fail("create", "if/a", { times: 1000 });
  await using scheduler = createScheduler({ clock, descriptors: [testDescriptor(southbound, "if/", options)] });
  scheduler.transaction().set("if/a", {}).start({ retry });
  await clock.advance(forMs);
  return times;
}

test("by default nothing is retried", async () => {
  assert.deepEqual(await attempts(false, 100_000), [0]);
});

test("delays double up to the longest", async () => {
  const retry = { periodMs: 100, maxCount: 5, maxPeriodMs: 350 };
  assert.deepEqual(await attempts(retry, 100_000), [0, 100, 300, 650, 1000, 1350]);
});

test("without back-off the delay stays the same, and without a limit it never ends", async () => {
  const times = await attempts({ periodMs: 100, maxCount: 0, expBackoff: false }, 1000);
  assert.deepEqual(times, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
});

test("what the descriptor calls hopeless is not retried", async () => {
  assert.deepEqual(await attempts(true, 10_000, { isRetriableFailure: () => false }), [0]);
});

test("an error that says of itself that the value is wrong is not retried", async () => {
  const create = () => {
    throw new CodedError("INVALID_CONFIG", "no such thing", { retryable: false });
  };
  const clock = new FakeClock();
  await using scheduler = createScheduler({
    clock,
    descriptors: [testDescriptor(new FakeSouthbound(), "if/", { create })],
  });
  await scheduler.transaction().set("if/a", {}).commit({ retry: true });
  assert.equal(scheduler.status("if/a").value.state, "FAILED");
});

test("values of one transaction that fail together are retried together", async () => {
  const clock = new FakeClock();
  const southbound = new FakeSouthbound(clock);
  await using scheduler = createScheduler({ clock, descriptors: [testDescriptor(southbound, "if/")] });
  const txn = scheduler.transaction();
  for (const key of ["if/a", "if/b", "if/c"]) {
    southbound.fail("create", key);
    txn.set(key, {});
  }
  await txn.commit({ retry: true });
  await clock.advance(1000);
  assert.deepEqual(
    scheduler.history().map(({ TxnType, Values }) => [TxnType, Values?.length]),
    [
      ["NBTransaction", 3],
      ["RetryFailedOps", 3],
    ],
  );
});

test("closing stops retries", async () => {
  const clock = new FakeClock();
  const southbound = new FakeSouthbound(clock);
  const scheduler = createScheduler({ clock, descriptors: [testDescriptor(southbound, "if/")] });
  southbound.fail("create", "if/a");
  await scheduler.transaction().set("if/a", {}).commit({ retry: true });
  await scheduler.close();
  southbound.take();
  await clock.advance(10_000);
  assert.deepEqual(southbound.take(), []);
});

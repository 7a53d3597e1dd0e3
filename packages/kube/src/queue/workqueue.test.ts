import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import { WorkQueue } from "./workqueue.ts";

const never = new AbortController().signal;
const take = (queue: WorkQueue): Promise<string> => queue.take({ signal: never });

test("a key that was added several times is taken once", async () => {
  const queue = new WorkQueue({ name: "q" });
  for (const key of ["a", "b", "a"]) queue.add(key);
  assert.deepEqual([await take(queue), await take(queue)], ["a", "b"]);
  assert.equal(queue.depth, 0);
});

test("a key is not given out twice at a time; an add meanwhile brings it back when it is done", async () => {
  const queue = new WorkQueue({ name: "q" });
  queue.add("a");
  await take(queue);
  queue.add("a");
  queue.add("a");
  assert.equal(queue.depth, 0);
  queue.done("a");
  assert.equal(queue.depth, 1);
  assert.equal(await take(queue), "a");
  queue.done("a");
  assert.ok(queue.idle);
});

test("of two delays for a key the shorter counts", async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue({ name: "q", clock });
  queue.addAfter("a", 100);
  queue.addAfter("a", 10);
  queue.addAfter("a", 50);
  await clock.advance(10);
  assert.equal(queue.depth, 1);
  assert.equal(await take(queue), "a");
  queue.done("a");
  await clock.advance(1000);
  assert.ok(queue.idle);
});

test("failures in a row wait longer and longer, until the key is forgotten", async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue({ name: "q", clock });
  assert.deepEqual([queue.addFailed("a"), queue.addFailed("a"), queue.addFailed("a")], [5, 10, 20]);
  queue.forget("a");
  assert.equal(queue.addFailed("a"), 5);
  for (let i = 0; i < 100; i++) queue.addFailed("b");
  assert.equal(queue.addFailed("b"), 1_000_000);
  queue.close();
  assert.equal(clock.pendingTimers, 0);
});

test("a waiting taker is let go when it is cancelled or the queue closes", async () => {
  const queue = new WorkQueue({ name: "q" });
  const stop = new AbortController();
  const cancelled = assert.rejects(queue.take({ signal: stop.signal }), { code: "ABORTED" });
  stop.abort();
  await cancelled;
  const closed = assert.rejects(take(queue), { code: "CLOSED" });
  queue.close();
  await closed;
  queue.add("late");
  assert.equal(queue.depth, 0);
});

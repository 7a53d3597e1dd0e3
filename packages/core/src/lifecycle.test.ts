import assert from "node:assert/strict";
import { test } from "node:test";
import { abortable, closeAll, Deferred, KeyedQueue } from "./lifecycle.ts";
import { settle } from "./testing/clock.ts";

test("tasks of one key run one after the other, in order, and other keys beside them", async () => {
  const queue = new KeyedQueue<string>();
  const log: string[] = [];
  const gate = new Deferred<void>();
  const first = queue.run("a", async () => {
    log.push("a1");
    await gate.promise;
    log.push("a1 done");
  });
  const second = queue.run("a", async () => void log.push("a2"));
  await queue.run("b", async () => void log.push("b1"));
  assert.deepEqual(log, ["a1", "b1"]);
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(log, ["a1", "b1", "a1 done", "a2"]);
});

test("a failed task does not stop the next of its key", async () => {
  const queue = new KeyedQueue<string>();
  const failed = queue.run("a", () => Promise.reject(new Error("boom")));
  const next = queue.run("a", () => Promise.resolve(2));
  await assert.rejects(failed, /boom/);
  assert.equal(await next, 2);
});

test("a key without work leaves nothing behind", async () => {
  const queue = new KeyedQueue<number>();
  await Promise.all([1, 2, 3].map((key) => queue.run(key, () => Promise.resolve())));
  await queue.idle();
  assert.equal(queue.size, 0);
});

test("a task whose caller gave up while it waited never runs", async () => {
  const queue = new KeyedQueue<string>();
  const gate = new Deferred<void>();
  const controller = new AbortController();
  let ran = false;
  const first = queue.run("a", () => gate.promise);
  const task = async (): Promise<void> => {
    ran = true;
  };
  const second = queue.run("a", task, { signal: controller.signal });
  controller.abort();
  await assert.rejects(second, { code: "ABORTED" });
  gate.resolve();
  await first;
  await settle();
  assert.equal(ran, false);
});

test("an expired deadline is told apart from a cancellation", async () => {
  const never = new Promise<void>(() => {});
  await assert.rejects(abortable(never, AbortSignal.timeout(1), "connecting"), { code: "DEADLINE_EXCEEDED" });
  await assert.rejects(abortable(never, AbortSignal.abort(), "connecting"), { code: "ABORTED" });
});

test("closing goes on after a failure, in reverse order of opening", async () => {
  const closed: number[] = [];
  const part = (n: number, fails = false) => ({
    close: async () => {
      closed.push(n);
      if (fails) throw new Error(`part ${n}`);
    },
  });
  await assert.rejects(closeAll([part(1), part(2, true), part(3)]), /part 2/);
  assert.deepEqual(closed, [3, 2, 1]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "@nsmkit/core/testing";
import { Gate } from "./gate.ts";

test("no more tasks run at once than allowed, and they start in the order they came", async () => {
  const gate = new Gate(2);
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const tasks = [1, 2, 3, 4].map((task) =>
    gate.run(async () => {
      started.push(task);
      await new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  await settle();
  assert.deepEqual(started, [1, 2]);
  ends.shift()?.();
  await settle();
  assert.deepEqual(started, [1, 2, 3]);
  while (ends.length > 0) {
    ends.shift()?.();
    await settle();
  }
  await Promise.all(tasks);
  assert.deepEqual(started, [1, 2, 3, 4]);
});

test("a task that fails gives its place on", async () => {
  const gate = new Gate(1);
  const failed = gate.run(() => Promise.reject(new Error("no")));
  const next = gate.run(async () => "yes");
  await assert.rejects(failed, /no/);
  assert.equal(await next, "yes");
});

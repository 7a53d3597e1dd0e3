import assert from "node:assert/strict";
import { test } from "node:test";
import { createScheduler } from "./index.ts";
import { FakeSouthbound, testDescriptor } from "./testing/index.ts";

test("a reader that comes late still gets the latest status of every key that changed", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "if/")] });
  const controller = new AbortController();
  const statuses = scheduler.watch({ signal: controller.signal });
  for (let i = 0; i < 1000; i++) await scheduler.transaction().set(`if/${i}`, {}).commit();
  for (let i = 0; i < 999; i++) await scheduler.transaction().delete(`if/${i}`).commit();
  const seen = new Map<string, string>();
  for await (const { value } of statuses) {
    assert.equal(seen.has(value.key), false);
    seen.set(value.key, value.state);
    if (seen.size === 1000) controller.abort();
  }
  assert.equal(seen.get("if/0"), "REMOVED");
  assert.equal(seen.get("if/999"), "CONFIGURED");
});

test("a change of a derived value is told as a change of its base", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({
    descriptors: [testDescriptor(southbound, "if/"), testDescriptor(southbound, "addr/")],
  });
  await scheduler
    .transaction()
    .set("if/a", { derives: { "addr/a": { needs: ["if/b"] } } })
    .commit();
  const reader = scheduler.watch({ keySelector: (key) => key === "if/a" })[Symbol.asyncIterator]();
  const next = reader.next();
  await scheduler.transaction().set("if/b", {}).commit();
  const { value } = await next;
  assert.equal(value.value.key, "if/a");
  assert.equal(value.derived_values?.[0]?.state, "CONFIGURED");
  await reader.return?.();
});

test("watching ends when the scheduler closes", async () => {
  const scheduler = createScheduler();
  const reader = scheduler.watch()[Symbol.asyncIterator]();
  const next = reader.next();
  await scheduler.close();
  assert.equal((await next).done, true);
});

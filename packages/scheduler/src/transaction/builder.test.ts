import assert from "node:assert/strict";
import { test } from "node:test";
import { createScheduler, transactionError } from "../index.ts";
import { FakeSouthbound, testDescriptor } from "../testing/index.ts";

test("what makes no sense is refused before anything happens", async () => {
  await using scheduler = createScheduler();
  const invalid = { code: "INVALID_ARGUMENT" };
  assert.throws(() => scheduler.transaction().set("a", null), invalid);
  assert.throws(() => scheduler.transaction().set("", {}), invalid);
  assert.throws(() => scheduler.transaction().start({ resync: "full", revertOnFailure: true }), invalid);
  assert.throws(() => scheduler.transaction().start({ retry: { periodMs: 0 } }), invalid);
  assert.throws(() => scheduler.transaction().start({ retry: { maxCount: 1.5 } }), invalid);
  assert.throws(() => scheduler.transaction().set("a", {}).start({ resync: "downstream" }), invalid);
  assert.deepEqual(scheduler.history(), []);
});

test("a transaction can be started only once, and not be filled afterwards", async () => {
  await using scheduler = createScheduler();
  const txn = scheduler.transaction();
  txn.start();
  assert.throws(() => txn.start(), { code: "FAILED_PRECONDITION" });
  assert.throws(() => txn.set("a", {}), { code: "FAILED_PRECONDITION" });
});

test("an empty transaction settles", async () => {
  await using scheduler = createScheduler();
  const result = await scheduler.transaction().delete("never/heard/of").commit();
  assert.deepEqual(result.errors, []);
  assert.equal(result.values["never/heard/of"]?.state, "REMOVED");
});

test("the last change of a key counts", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "if/")] });
  await scheduler.transaction().set("if/a", { content: "1" }).delete("if/a").set("if/a", { content: "2" }).commit();
  assert.deepEqual(southbound.values.get("if/a"), { content: "2" });
  assert.deepEqual(southbound.take(), ["create if/a"]);
});

test("a key named like a property of every object is a key like any other", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "__proto__")] });
  const { values } = await scheduler.transaction().set("__proto__", {}).commit();
  assert.equal(Object.entries(values)[0]?.[1].state, "CONFIGURED");
});

test("one error stands for all of a transaction's, with the list in its details", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "if/")] });
  southbound.fail("create", "if/a");
  const result = await scheduler
    .transaction()
    .set("if/a", {})
    .set("if/b", { invalid: ["mtu"] })
    .commit();
  const error = transactionError(result);
  assert.match(error?.message ?? "", /create of if\/a failed: .* \(and 1 more\)/);
  assert.deepEqual(error?.details.errors, result.errors);
  assert.equal(transactionError({ ...result, errors: [] }), undefined);
});

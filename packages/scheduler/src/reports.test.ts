import assert from "node:assert/strict";
import { test } from "node:test";
import { createScheduler } from "./index.ts";
import { FakeSouthbound, testDescriptor } from "./testing/index.ts";

function start() {
  const southbound = new FakeSouthbound();
  let index = 0;
  const withIndex = testDescriptor(southbound, "if/", {
    withMetadata: true,
    keyLabel: (key) => key.slice(3),
    create: ({ key, value }, { signal }) => {
      void southbound.perform("create", key, value, signal);
      return { ifIndex: ++index };
    },
    metadataFields: (_label, metadata) => ({ ifIndex: [String((metadata as { ifIndex: number }).ifIndex)] }),
  });
  const scheduler = createScheduler({
    descriptors: [withIndex, testDescriptor(southbound, "nsm/", { retrievable: false })],
  });
  return { southbound, scheduler };
}

test("each view shows what it is about: the wanted, the believed, the real", async () => {
  const { southbound, scheduler } = start();
  await scheduler
    .transaction()
    .set("if/a", { content: "1" })
    .set("if/b", { needs: ["if/none"] })
    .commit();
  southbound.values.set("if/foreign", {});
  southbound.values.delete("if/a");
  const keys = async (view: "SB" | "NB" | "cached") =>
    (await scheduler.dump({ descriptor: "if", view })).map(({ Key, Origin }) => `${Key} ${Origin}`);
  assert.deepEqual(await keys("NB"), ["if/a 1", "if/b 1"]);
  assert.deepEqual(await keys("cached"), ["if/a 1"]);
  assert.deepEqual(await keys("SB"), ["if/foreign 1"]);
  assert.deepEqual(await scheduler.dump({ keyPrefix: "if/a", view: "cached" }), [
    { Key: "if/a", Value: { content: "1" }, Origin: 1, Metadata: { ifIndex: 1 } },
  ]);
  await scheduler.close();
});

test("dumping what cannot be read back, or does not exist, says so", async () => {
  const { scheduler } = start();
  await assert.rejects(scheduler.dump({ descriptor: "nsm" }), { code: "UNSUPPORTED", message: /view cached/ });
  await assert.rejects(scheduler.dump({ descriptor: "vpp" }), { code: "NOT_FOUND" });
  assert.deepEqual(scheduler.dumpIndex(), {
    Descriptors: ["if", "nsm"],
    KeyPrefixes: ["if/", "nsm/"],
    Views: ["SB", "NB", "cached"],
  });
  await scheduler.close();
});

test("metadata is found by label and by field, and goes with its value", async () => {
  const { scheduler } = start();
  await scheduler.transaction().set("if/a", {}).set("if/b", {}).commit();
  const metadata = scheduler.metadata<{ ifIndex: number }>("if");
  assert.deepEqual(metadata.get("b"), { ifIndex: 2 });
  assert.deepEqual(metadata.lookup("ifIndex", "2"), ["b"]);
  await scheduler.transaction().delete("if/b").commit();
  assert.equal(metadata.has("b"), false);
  assert.deepEqual(metadata.lookup("ifIndex", "2"), []);
  assert.equal(metadata.size, 1);
  assert.throws(() => scheduler.metadata("nsm"), { code: "NOT_FOUND" });
  await scheduler.close();
});

test("status lists base values with their derived values, by descriptor or prefix", async () => {
  const { scheduler } = start();
  await scheduler
    .transaction()
    .set("if/a", { derives: { "p/y": {}, "p/x": {} } })
    .set("nsm/c", {})
    .commit();
  assert.deepEqual(scheduler.status("if/a"), {
    value: { key: "if/a", state: "CONFIGURED", last_operation: "CREATE" },
    derived_values: [
      { key: "p/x", state: "CONFIGURED", last_operation: "CREATE" },
      { key: "p/y", state: "CONFIGURED", last_operation: "CREATE" },
    ],
  });
  assert.deepEqual(
    scheduler.statuses({ keyPrefix: "nsm/" }).map(({ value }) => value.key),
    ["nsm/c"],
  );
  assert.deepEqual(
    scheduler.statuses({ descriptor: "if" }).map(({ value }) => value.key),
    ["if/a"],
  );
  assert.throws(() => scheduler.statuses({ descriptor: "vpp" }), { code: "NOT_FOUND" });
  assert.deepEqual(scheduler.status("unknown"), { value: { key: "unknown", state: "NONEXISTENT" } });
  await scheduler.close();
});

test("statistics and metrics count what was done", async () => {
  const { southbound, scheduler } = start();
  southbound.fail("create", "nsm/c");
  await scheduler.transaction().set("if/a", {}).set("nsm/c", {}).commit();
  const { TxnStats, Descriptors } = scheduler.stats();
  assert.equal(TxnStats.TotalProcessed, 1);
  assert.equal(TxnStats.ErrorCount, 1);
  assert.equal(TxnStats.OperationCount.CREATE, 2);
  assert.equal(TxnStats.ValueStateCount.FAILED, 1);
  assert.equal(Descriptors.if?.[0]?.count, 1);
  const metrics = scheduler.metrics();
  assert.equal(metrics.txnProcessed, 1);
  assert.equal(metrics.txnDropped, 0);
  assert.equal(metrics.txnDurationSeconds.NBTransaction?.count, 1);
  await scheduler.close();
});

test("the graph is drawn with its relations, and any key survives quoting", async () => {
  const { scheduler } = start();
  await scheduler
    .transaction()
    .set('if/a"\\', { derives: { "p/x": {} } })
    .set("nsm/c", { needs: ["if/none"], anyOf: ["route/"] })
    .commit();
  const dot = scheduler.toDot({ seqNum: 0 });
  assert.match(dot, /subgraph "cluster if"/);
  assert.ok(dot.includes('"if/a\\"\\\\" -> "p/x" [style=dashed'));
  assert.ok(dot.includes('"nsm/c" -> "if/none" [style=dotted'));
  assert.ok(dot.includes('"nsm/c" -> "any of: route/*" [style=dotted'));
  assert.match(dot, /penwidth=3/);
  assert.throws(() => scheduler.toDot({ seqNum: 9 }), { code: "NOT_FOUND" });
  await scheduler.close();
});

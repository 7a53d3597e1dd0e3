import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import { createScheduler, type HistoryOptions } from "../index.ts";
import { FakeSouthbound, testDescriptor } from "../testing/index.ts";

function start(history: HistoryOptions = {}) {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const southbound = new FakeSouthbound(clock);
  const descriptors = [
    testDescriptor(southbound, "if/", { keyLabel: (key) => key.slice(3) }),
    testDescriptor(southbound, "bd/"),
    testDescriptor(southbound, "bdif/"),
  ];
  return { clock, southbound, scheduler: createScheduler({ clock, descriptors, history }) };
}

test("a transaction is recorded with the original's field names, and without fields that are zero", async () => {
  const { clock, southbound, scheduler } = start();
  southbound.latencyMs = () => 5;
  const { settled } = scheduler
    .transaction()
    .set("if/a", { content: "1" })
    .set("bd/1", { derives: { "bdif/a": { needs: ["if/a"] }, "p/property": {} } })
    .start({ description: "first" });
  await clock.advance(10);
  await settled;
  assert.deepEqual(JSON.parse(JSON.stringify(scheduler.history())), [
    {
      Start: "2026-01-01T00:00:00.000Z",
      Stop: "2026-01-01T00:00:00.010Z",
      SeqNum: 0,
      TxnType: "NBTransaction",
      Description: "first",
      Values: [
        { Key: "bd/1", Value: { derives: { "bdif/a": { needs: ["if/a"] }, "p/property": {} } }, Origin: 1 },
        { Key: "if/a", Value: { content: "1" }, Origin: 1 },
      ],
      Executed: [
        {
          Operation: "CREATE",
          Key: "bd/1",
          NewState: "CONFIGURED",
          NewValue: { derives: { "bdif/a": { needs: ["if/a"] }, "p/property": {} } },
        },
        {
          Operation: "CREATE",
          Key: "p/property",
          NewState: "CONFIGURED",
          NewValue: {},
          IsDerived: true,
          IsProperty: true,
        },
        { Operation: "CREATE", Key: "if/a", NewState: "CONFIGURED", NewValue: { content: "1" } },
        { Operation: "CREATE", Key: "bdif/a", NewState: "CONFIGURED", NewValue: { needs: ["if/a"] }, IsDerived: true },
      ],
    },
  ]);
  await scheduler.close();
});

test("a running transaction is shown as pre-record, with what it has done so far", async () => {
  const { southbound, scheduler } = start();
  const hang = southbound.hang("create", "if/b");
  const txn = scheduler.transaction().set("if/a", {}).set("if/b", {}).start();
  const record = scheduler.recordedTransaction(txn.seqNum);
  assert.equal(record?.PreRecord, true);
  assert.equal(record?.Stop, undefined);
  assert.deepEqual(
    record?.Executed?.map((op) => op.Key),
    ["if/a"],
  );
  hang.release();
  await txn.settled;
  assert.equal(txn.record().PreRecord, undefined);
  await scheduler.close();
});

test("a retry names the transaction it is for, and its operations are marked", async () => {
  const { clock, southbound, scheduler } = start();
  southbound.fail("create", "if/a");
  await scheduler.transaction().set("if/a", {}).commit({ retry: true });
  await clock.advance(1000);
  const [, retry] = scheduler.history();
  assert.equal(retry?.TxnType, "RetryFailedOps");
  assert.equal(retry?.RetryForTxn, 0);
  assert.equal(retry?.RetryAttempt, 1);
  assert.deepEqual(retry?.Executed, [
    {
      Operation: "CREATE",
      Key: "if/a",
      NewState: "CONFIGURED",
      NewValue: {},
      PrevState: "RETRYING",
      PrevErrMsg: "create of if/a fails as planned",
      IsRetry: true,
    },
  ]);
  await scheduler.close();
});

test("a re-create is two operations, both marked", async () => {
  const { scheduler } = start();
  await scheduler.transaction().set("if/a", { mold: "tap" }).commit();
  await scheduler.transaction().set("if/a", { mold: "veth" }).commit();
  const { Executed = [] } = scheduler.recordedTransaction(1) ?? {};
  assert.deepEqual(
    Executed.map(({ Operation, PrevState, NewState, IsRecreate }) => [Operation, PrevState, NewState, IsRecreate]),
    [
      ["DELETE", "CONFIGURED", "REMOVED", true],
      ["CREATE", "REMOVED", "CONFIGURED", true],
    ],
  );
  await scheduler.close();
});

test("a notification is a transaction of its own kind, and several of one moment are one", async () => {
  const { scheduler } = start();
  scheduler.notify({ key: "if/a", value: { content: "1" } }, { key: "if/b", value: {} });
  scheduler.notify({ key: "if/a", value: { content: "2" } });
  await scheduler.barrier();
  const history = scheduler.history();
  assert.equal(history.length, 1);
  assert.equal(history[0]?.TxnType, "SBNotification");
  assert.deepEqual(history[0]?.Values, [
    { Key: "if/a", Value: { content: "2" }, Origin: 2 },
    { Key: "if/b", Value: {}, Origin: 2 },
  ]);
  await scheduler.close();
});

test("history can be asked for a window of time", async () => {
  const { clock, scheduler } = start();
  for (const key of ["if/a", "if/b", "if/c"]) {
    await scheduler.transaction().set(key, {}).commit();
    await clock.advance(1000);
  }
  const since = Date.UTC(2026, 0, 1) + 500;
  assert.deepEqual(
    scheduler.history({ sinceMs: since, untilMs: since + 1000 }).map((txn) => txn.SeqNum),
    [1],
  );
  await scheduler.close();
});

test("history forgets what is too old, but never the first time after the start", async () => {
  const { clock, scheduler } = start({ ageLimitMinutes: 10, permanentlyRecordedInitPeriodMinutes: 5 });
  await scheduler.transaction().set("if/early", {}).commit();
  await clock.advance(6 * 60_000);
  await scheduler.transaction().set("if/late", {}).commit();
  await scheduler.transaction().delete("if/late").commit();
  await clock.advance(9 * 60_000);
  assert.equal(scheduler.history().length, 3);
  assert.notEqual(scheduler.keyTimeline("if/late").length, 0);
  await clock.advance(3 * 60_000);
  assert.deepEqual(
    scheduler.history().map((txn) => txn.SeqNum),
    [0],
  );
  assert.deepEqual(scheduler.keyTimeline("if/late"), []);
  await scheduler.close();
});

test("history keeps at most as many transactions as it is told, oldest out first", async () => {
  const { clock, scheduler } = start({ maxTransactions: 2, permanentlyRecordedInitPeriodMinutes: 0 });
  await clock.advance(1);
  for (let i = 0; i < 5; i++)
    await scheduler
      .transaction()
      .set("if/a", { content: `${i}` })
      .commit();
  await clock.advance(60_000);
  assert.deepEqual(
    scheduler.history().map((txn) => txn.SeqNum),
    [3, 4],
  );
  await scheduler.close();
});

test("with recording off, finished transactions and revisions are not kept", async () => {
  const { scheduler } = start({ record: false });
  await scheduler.transaction().set("if/a", {}).commit();
  assert.deepEqual(scheduler.history(), []);
  assert.deepEqual(scheduler.keyTimeline("if/a"), []);
  await scheduler.close();
});

test("a key's timeline tells each revision with its flags and targets", async () => {
  const { clock, scheduler } = start();
  await scheduler
    .transaction()
    .set("bd/1", { needs: ["if/a"], derives: { "bdif/a": {} } })
    .commit();
  await clock.advance(1000);
  await scheduler.transaction().set("if/a", {}).commit();
  const [pending, configured] = scheduler.keyTimeline("bd/1");
  assert.deepEqual(pending, {
    Since: "2026-01-01T00:00:00.000Z",
    Until: "2026-01-01T00:00:01.000Z",
    Key: "bd/1",
    Label: "bd/1",
    Value: { needs: ["if/a"], derives: { "bdif/a": {} } },
    Flags: { "last-update": "TXN-0", "value-state": "PENDING", unavailable: "", descriptor: "bd" },
    MetadataFields: null,
    Targets: [{ Relation: "depends-on", Label: "if/a", ExpectedKey: "if/a", MatchingKeys: [] }],
  });
  assert.deepEqual(configured?.Flags, { "last-update": "TXN-0", "value-state": "CONFIGURED", descriptor: "bd" });
  assert.deepEqual(configured?.Targets, [
    { Relation: "depends-on", Label: "if/a", ExpectedKey: "if/a", MatchingKeys: ["if/a"] },
    { Relation: "derives", Label: "bdif/a", ExpectedKey: "bdif/a", MatchingKeys: ["bdif/a"] },
  ]);
  assert.deepEqual(scheduler.keyTimeline("bd/1", { timeMs: Date.UTC(2026, 0, 1) + 500 }), [pending]);
  await scheduler.close();
});

test("a snapshot shows the graph as it was, and flag statistics count revisions", async () => {
  const { clock, scheduler } = start();
  await scheduler.transaction().set("if/a", {}).commit();
  await clock.advance(1000);
  await scheduler.transaction().delete("if/a").set("if/b", {}).commit();
  const keys = (timeMs?: number) =>
    scheduler.graphSnapshot(timeMs === undefined ? {} : { timeMs }).map((node) => node.Key);
  assert.deepEqual(keys(Date.UTC(2026, 0, 1) + 1), ["if/a"]);
  assert.deepEqual(keys(), ["if/b"]);
  assert.deepEqual(scheduler.flagStats("descriptor", ["if/"]), { TotalCount: 2, PerValueCount: { if: 2 } });
  assert.deepEqual(scheduler.flagStats("value-state", ["bd/"]), { TotalCount: 0, PerValueCount: {} });
  await scheduler.close();
});

test("values are shown the descriptor's way, else the scheduler's", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({
    describeValue: (value) => ({ ProtoMsgName: "test", ProtoMsgData: value }),
    descriptors: [
      testDescriptor(southbound, "secret/", { describeValue: () => "hidden" }),
      testDescriptor(southbound, "if/"),
    ],
  });
  await scheduler.transaction().set("secret/a", { content: "password" }).set("if/a", {}).commit();
  const json = JSON.stringify([scheduler.history(), scheduler.graphSnapshot(), await scheduler.dump({ view: "NB" })]);
  assert.doesNotMatch(json, /password/);
  assert.match(json, /"ProtoMsgData":\{\}/);
});

test("a snapshot shows what is done so far although its transaction has not settled", async () => {
  const { southbound, scheduler } = start();
  const hang = southbound.hang("create", "if/slow");
  scheduler.transaction().set("if/slow", {}).set("if/quick", {}).start();
  assert.deepEqual(
    scheduler.graphSnapshot().map((node) => [node.Key, node.Flags["value-state"]]),
    [
      ["if/quick", "CONFIGURED"],
      ["if/slow", "PENDING"],
    ],
  );
  hang.release();
  await scheduler.close();
});

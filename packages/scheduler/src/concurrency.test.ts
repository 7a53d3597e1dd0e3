import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { createScheduler } from "./index.ts";
import { FakeSouthbound, testDescriptor } from "./testing/index.ts";

test("a create that never returns does not keep 1000 other values of many transactions waiting for a second", async () => {
  const southbound = new FakeSouthbound();
  const scheduler = createScheduler({
    descriptors: [testDescriptor(southbound, "nsm/"), testDescriptor(southbound, "if/")],
  });
  const hang = southbound.hang("create", "nsm/unreachable", { deaf: true });
  southbound.latencyMs = () => 0;
  const stuck = scheduler.transaction().set("nsm/unreachable", {}).set("if/same-txn", {}).start();
  await hang.reached;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 1000 }, (_, i) => scheduler.transaction().set(`if/${i}`, {}).commit({ retry: true })),
  );
  assert.ok(performance.now() - began < 1000);
  assert.equal(scheduler.status("if/999").value.state, "CONFIGURED");
  assert.equal(scheduler.status("if/same-txn").value.state, "CONFIGURED");
  assert.equal(scheduler.recordedTransaction(stuck.seqNum)?.PreRecord, true);
  hang.release();
  assert.deepEqual((await stuck.settled).errors, []);
  await scheduler.close();
});

test("commit with waitMs gives up waiting, names what is unsettled, and lets the work go on", async () => {
  const clock = new FakeClock();
  const southbound = new FakeSouthbound(clock);
  await using scheduler = createScheduler({ clock, descriptors: [testDescriptor(southbound, "nsm/")] });
  const hang = southbound.hang("create", "nsm/a");
  const commit = scheduler.transaction().set("nsm/a", {}).set("nsm/b", {}).commit({ waitMs: 500 });
  await clock.advance(500);
  const result = await commit;
  assert.deepEqual(result.unsettled, ["nsm/a"]);
  assert.equal(result.values["nsm/b"]?.state, "CONFIGURED");
  hang.release();
  await scheduler.barrier();
  assert.equal(scheduler.status("nsm/a").value.state, "CONFIGURED");
});

test("a cancelled commit rejects with ABORTED and the transaction goes on", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "nsm/")] });
  const hang = southbound.hang("create", "nsm/a");
  const controller = new AbortController();
  const commit = scheduler.transaction().set("nsm/a", {}).commit({ signal: controller.signal });
  await hang.reached;
  controller.abort();
  await assert.rejects(commit, { code: "ABORTED" });
  hang.release();
  await scheduler.barrier();
  assert.equal(scheduler.status("nsm/a").value.state, "CONFIGURED");
});

test("a descriptor may start transactions from inside its calls, and wait for them", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({
    descriptors: [
      testDescriptor(southbound, "nsm/", {
        create: async () => {
          const { values } = await scheduler.transaction().set("if/nsm0", {}).commit();
          assert.equal(values["if/nsm0"]?.state, "CONFIGURED");
          return undefined;
        },
      }),
      testDescriptor(southbound, "if/"),
      testDescriptor(southbound, "route/"),
    ],
  });
  const { errors } = await scheduler
    .transaction()
    .set("route/r", { needs: ["if/nsm0"] })
    .set("nsm/client", {})
    .commit();
  assert.deepEqual(errors, []);
  assert.equal(scheduler.status("route/r").value.state, "CONFIGURED");
});

test("a full resync works on one descriptor's values although another's retrieve hangs", async () => {
  const clock = new FakeClock();
  const southbound = new FakeSouthbound(clock);
  await using scheduler = createScheduler({
    clock,
    descriptors: [
      testDescriptor(southbound, "vpp/", { retrieve: () => new Promise(() => {}), timeoutMs: 30_000 }),
      testDescriptor(southbound, "if/"),
    ],
  });
  const txn = scheduler.transaction().set("vpp/a", {}).set("if/a", {}).start({ resync: "full" });
  await clock.advance(10);
  assert.equal(scheduler.status("if/a").value.state, "CONFIGURED");
  assert.deepEqual(southbound.take(), ["create if/a"]);
  await clock.advance(30_000);
  assert.deepEqual((await txn.settled).values["vpp/a"]?.state, "CONFIGURED");
});

test("values that were found by nobody's read are not taken for missing: a change during a slow retrieve wins", async () => {
  const clock = new FakeClock();
  const southbound = new FakeSouthbound(clock);
  await using scheduler = createScheduler({
    clock,
    descriptors: [
      testDescriptor(southbound, "if/", {
        retrieve: async () => {
          const before = [...southbound.values.keys()].map((key) => ({ key, value: {}, origin: "NB" as const }));
          await clock.sleep(100);
          return before;
        },
      }),
    ],
  });
  scheduler.transaction().start({ resync: "downstream" });
  const { values } = await scheduler.transaction().set("if/new", {}).commit();
  assert.equal(values["if/new"]?.state, "CONFIGURED");
  await clock.advance(1000);
  assert.deepEqual(southbound.take(), ["create if/new"]);
});

test("a thousand failures are read back with a few retrieves, not a thousand", async () => {
  const southbound = new FakeSouthbound();
  const asked: number[] = [];
  await using scheduler = createScheduler({
    descriptors: [
      testDescriptor(southbound, "if/", {
        retrieve: ({ keys = [] }) => {
          asked.push(keys.length);
          return [];
        },
      }),
    ],
  });
  const txn = scheduler.transaction();
  for (let i = 0; i < 1000; i++) {
    southbound.fail("create", `if/${i}`);
    txn.set(`if/${i}`, {});
  }
  const { errors } = await txn.commit();
  assert.equal(errors.length, 1000);
  assert.deepEqual(asked, [1000]);
});

test("close cancels running calls, stops retries, rejects what has not settled, and waits no longer than told", async () => {
  const clock = new FakeClock();
  const southbound = new FakeSouthbound(clock);
  const scheduler = createScheduler({ clock, descriptors: [testDescriptor(southbound, "nsm/")] });
  southbound.fail("create", "nsm/retried");
  southbound.hang("create", "nsm/deaf", { deaf: true });
  southbound.hang("create", "nsm/polite");
  const txn = scheduler
    .transaction()
    .set("nsm/retried", {})
    .set("nsm/deaf", {})
    .set("nsm/polite", {})
    .start({ retry: true });
  await settle();
  const closed = scheduler.close({ graceMs: 300 });
  await assert.rejects(txn.settled, { code: "CLOSED" });
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  await clock.advance(299);
  assert.equal(isClosed, false);
  await clock.advance(1);
  await closed;
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(southbound.take(), [
    "create nsm/deaf running",
    "create nsm/polite failed",
    "create nsm/retried failed",
  ]);
  assert.throws(() => scheduler.transaction(), { code: "CLOSED" });
});

test("an exception in a descriptor's pure function hurts only its own value", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({
    descriptors: [
      testDescriptor(southbound, "bad/", {
        derivedValues: () => {
          throw new TypeError("derivedValues is broken");
        },
      }),
      testDescriptor(southbound, "if/"),
    ],
  });
  const { values, errors } = await scheduler.transaction().set("bad/a", {}).set("if/a", {}).commit();
  assert.equal(values["bad/a"]?.state, "FAILED");
  assert.equal(values["if/a"]?.state, "CONFIGURED");
  assert.match(String(errors[0]?.error), /derivedValues is broken/);
});

test("a value is bounded by its descriptor's timeout in real time, too", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({ descriptors: [testDescriptor(southbound, "nsm/", { timeoutMs: 20 })] });
  southbound.hang("create", "nsm/a");
  // The scheduler's timers do not keep a program alive; something else must.
  const [result] = await Promise.all([scheduler.transaction().set("nsm/a", {}).commit(), delay(40)]);
  assert.equal(result.values["nsm/a"]?.state, "FAILED");
});

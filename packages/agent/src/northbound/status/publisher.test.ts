import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { type BaseValueStatus, createScheduler } from "@nsmkit/scheduler";
import { FakeSouthbound, type TestValue, testDescriptor } from "@nsmkit/scheduler/testing";
import { prefix } from "../../etcd/bytes.ts";
import { readStatus, statusKey } from "../../etcd/value-status.ts";
import { base } from "./fixtures.ts";
import { StatusPublisher } from "./publisher.ts";

function publisherWorld() {
  const w = base();
  const southbound = new FakeSouthbound();
  const scheduler = createScheduler({
    clock: w.clock,
    descriptors: [
      testDescriptor(southbound, "config/a/"),
      testDescriptor(southbound, "derived/"),
      testDescriptor(southbound, "sb/"),
    ],
  });
  const publisher = new StatusPublisher({ ...w.deps, scheduler, label: "nat" });
  publisher.start();
  const set = async (values: Record<string, TestValue | undefined>): Promise<void> => {
    const transaction = scheduler.transaction();
    for (const [name, value] of Object.entries(values)) {
      if (value) transaction.set(`config/a/${name}`, value);
      else transaction.delete(`config/a/${name}`);
    }
    transaction.start();
    await w.clock.advance(0);
  };
  return {
    ...w,
    southbound,
    scheduler,
    publisher,
    set,
    async told() {
      await w.clock.advance(300);
      const texts = await w.read("/vnf-agent/nat/config-status/a/");
      return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, readStatus(text)]));
    },
    async [Symbol.asyncDispose]() {
      await publisher.close();
      const closing = scheduler.close();
      await w.clock.advance(10_000);
      await closing;
      await w[Symbol.asyncDispose]();
    },
  };
}

describe("states of values in etcd", () => {
  test("a value that is in place, one that waits and one that failed say so, and why", async () => {
    await using w = publisherWorld();
    w.southbound.fail("create", "config/a/bad", { error: new CodedError("KERNEL", "no such device") });
    await w.set({ good: {}, waits: { needs: ["config/a/other"] }, bad: {} });
    const told = await w.told();
    assert.deepEqual(told.good, { key: "config/a/good", state: "CONFIGURED", last_operation: "CREATE" });
    assert.deepEqual(told.waits, {
      key: "config/a/waits",
      state: "PENDING",
      last_operation: "CREATE",
      details: ["config/a/other"],
    });
    assert.equal(told.bad?.state, "FAILED");
    assert.equal(told.bad?.error, "no such device");
  });

  test("a value is only in place with all that is derived from it", async () => {
    await using w = publisherWorld();
    await w.set({ link: { derives: { "derived/address": { needs: ["sb/up"] } } } });
    const { link } = await w.told();
    assert.equal(link?.state, "PENDING");
    assert.deepEqual(link?.details, ["sb/up"]);
  });

  test("a state goes with its value", async () => {
    await using w = publisherWorld();
    await w.set({ a: {}, b: {} });
    assert.deepEqual(Object.keys(await w.told()), ["a", "b"]);
    await w.set({ a: undefined });
    assert.deepEqual(Object.keys(await w.told()), ["b"]);
  });

  test("each real change is written once, and nothing while nothing changes", async () => {
    await using w = publisherWorld();
    await w.set({ a: {}, b: {} });
    await w.told();
    assert.equal(w.publisher.keys.counts.operations, 2);
    await w.set({ a: {}, b: { content: "2" } });
    await w.told();
    assert.equal(w.publisher.keys.counts.operations, 3);
    await w.clock.advance(60_000);
    assert.equal(w.publisher.keys.counts.operations, 3);
  });

  test("a value that was refused is INVALID with the reason until it is put right", async () => {
    await using w = publisherWorld();
    await w.set({ a: {} });
    w.publisher.refused("config/a/a", "field x is unknown");
    w.publisher.refused("config/a/new", "no JSON");
    w.publisher.refused("0xff", "no UTF-8");
    const told = await w.told();
    assert.deepEqual(told.a?.state, "INVALID");
    assert.match(told.a?.error ?? "", /field x is unknown; the value before it stays in force/);
    assert.equal(told.new?.error, "no JSON");
    assert.equal(Object.keys(told).length, 2);
    w.publisher.refused("config/a/a", undefined);
    w.publisher.refused("config/a/new", undefined);
    const later = await w.told();
    assert.deepEqual([later.a?.state, later.new], ["CONFIGURED", undefined]);
  });

  test("what waits for a moment only is told when it is over", async () => {
    await using w = publisherWorld();
    await w.set({ waits: { needs: ["config/a/other"] } });
    await w.clock.advance(100);
    await w.set({ other: {} });
    assert.equal((await w.told()).waits?.state, "CONFIGURED");
    assert.equal(w.publisher.keys.counts.operations, 2);
  });

  test("a call under way is told when it lasts", async () => {
    await using w = base();
    const updates: ((status: BaseValueStatus) => void)[] = [];
    const key = "config/a/x";
    let now: BaseValueStatus = { value: { key, state: "PENDING", details: ["create in progress"] } };
    const publisher = new StatusPublisher({
      ...w.deps,
      label: "nat",
      scheduler: {
        statuses: () => [],
        status: () => now,
        async *watch({ signal } = {}) {
          while (!signal?.aborted) {
            const next = await new Promise<BaseValueStatus | undefined>((resolve) => {
              updates.push(resolve);
              signal?.addEventListener("abort", () => resolve(undefined), { once: true });
            });
            if (next) yield next;
          }
        },
      },
    });
    publisher.start();
    await w.clock.advance(10);
    updates.at(-1)?.(now);
    await w.clock.advance(100);
    assert.equal(await w.etcd.get(statusKey("nat", key)), undefined);
    await w.clock.advance(200);
    assert.equal(readStatus((await w.etcd.get(statusKey("nat", key)))?.value ?? "").state, "PENDING");
    now = { value: { key, state: "CONFIGURED" } };
    updates.at(-1)?.(now);
    await w.clock.advance(10);
    assert.equal(readStatus((await w.etcd.get(statusKey("nat", key)))?.value ?? "").state, "CONFIGURED");
    await publisher.close();
  });

  test("states go when the agent ends", async () => {
    const w = publisherWorld();
    await w.set({ a: {} });
    assert.equal(Object.keys(await w.told()).length, 1);
    await w.publisher.close();
    await w.session.close();
    assert.deepEqual((await w.etcd.list(prefix("/vnf-agent/"))).kvs, []);
    await w[Symbol.asyncDispose]();
  });
});

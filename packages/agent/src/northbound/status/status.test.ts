import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodedError, silentLogger } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import { type BaseValueStatus, createScheduler } from "@nsmkit/scheduler";
import { FakeSouthbound, type TestValue, testDescriptor } from "@nsmkit/scheduler/testing";
import { prefix, textOf } from "../../etcd/bytes.ts";
import { openSession } from "../../etcd/session.ts";
import { MemoryEtcd } from "../../etcd/testing/memory-etcd.ts";
import { readStatus, statusKey } from "../../etcd/value-status.ts";
import type { AgentStatus } from "../../probe.ts";
import { AgentStatusPublisher, agentStatusKey } from "./agent-status.ts";
import { EndpointNotices, noticeKey } from "./endpoint-notices.ts";
import { LeasedKeys } from "./leased-keys.ts";
import { StatusPublisher } from "./publisher.ts";

function base() {
  const clock = new FakeClock(1_700_000_000_000);
  const etcd = new MemoryEtcd({ clock });
  const session = openSession(etcd, { clock });
  const read = async (root: string): Promise<Record<string, string>> => {
    const { kvs } = await etcd.list(prefix(root));
    return Object.fromEntries(
      kvs.map(({ key, value }) => [textOf(key)?.slice(root.length) ?? "?", textOf(value) ?? "?"]),
    );
  };
  return {
    clock,
    etcd,
    session,
    read,
    deps: { etcd, session, logger: silentLogger, clock },
    async [Symbol.asyncDispose]() {
      const closing = session.close();
      await clock.advance(0);
      await closing;
      await etcd.close();
    },
  };
}

async function keysWorld() {
  const w = base();
  const keys = new LeasedKeys({ ...w.deps, range: prefix("/k/") });
  keys.start();
  await w.clock.advance(0);
  return Object.assign(w, { keys, now: () => w.read("/k/") });
}

describe("keys bound to our lease", () => {
  test("many changes are written in few transactions, each once", async () => {
    await using w = await keysWorld();
    for (let n = 0; n < 300; n++) w.keys.set(`/k/${n}`, "old");
    for (let n = 0; n < 300; n++) w.keys.set(`/k/${n}`, "new");
    await w.clock.advance(100);
    assert.equal(Object.values(await w.now()).filter((value) => value === "new").length, 300);
    assert.deepEqual(w.keys.counts, { operations: 300, transactions: 3 });
    w.keys.set("/k/0", "new");
    await w.clock.advance(100);
    assert.equal(w.keys.counts.transactions, 3);
  });

  test("what an earlier life left is taken over or removed", async () => {
    await using w = base();
    await w.etcd.put("/k/stale", "x");
    await w.etcd.put("/k/kept", "x");
    await w.etcd.put(Buffer.of(0x2f, 0x6b, 0x2f, 0xff), "not ours");
    await using keys = new LeasedKeys({ ...w.deps, range: prefix("/k/") });
    keys.set("/k/kept", "x");
    keys.start();
    await w.clock.advance(100);
    assert.deepEqual(await w.read("/k/"), { kept: "x", "?": "not ours" });
    assert.equal((await w.etcd.get("/k/kept"))?.lease, w.session.lease);
  });

  test("a lost lease brings everything back under a new one", async () => {
    await using w = await keysWorld();
    w.keys.set("/k/a", "1");
    await w.clock.advance(100);
    w.etcd.endLease(w.session.lease as bigint);
    assert.deepEqual(await w.now(), {});
    await w.clock.advance(5000);
    assert.deepEqual(await w.now(), { a: "1" });
  });

  test("etcd that was away for longer than the lease gets the last state", async () => {
    await using w = await keysWorld();
    w.keys.set("/k/a", "1");
    await w.clock.advance(100);
    w.etcd.stop();
    w.keys.set("/k/a", "2");
    w.keys.set("/k/b", "2");
    await w.clock.advance(20_000);
    w.keys.set("/k/a", "3");
    w.etcd.start();
    await w.clock.advance(10_000);
    assert.deepEqual(await w.now(), { a: "3", b: "2" });
  });

  test("a store that lost our keys gets them again when we look", async () => {
    await using w = await keysWorld();
    const before = w.etcd.save();
    w.keys.set("/k/a", "1");
    await w.clock.advance(100);
    w.etcd.restore(before);
    w.keys.verify();
    await w.clock.advance(100);
    assert.deepEqual(await w.now(), { a: "1" });
  });

  test("what another process with our name took away is put back within half a minute", async () => {
    await using w = await keysWorld();
    w.keys.set("/k/a", "1");
    w.keys.set("/k/b", "1");
    await w.clock.advance(100);
    await w.etcd.delete("/k/a");
    await w.etcd.put("/k/b", "theirs");
    await w.clock.advance(30_000);
    assert.deepEqual(await w.now(), { a: "1", b: "1" });
    const { writes } = w.etcd;
    await w.clock.advance(300_000);
    assert.equal(w.etcd.writes, writes);
  });

  test("a write without an answer is looked after before it is repeated", async () => {
    await using w = await keysWorld();
    const lost = new CodedError("UNAVAILABLE", "no answer", { details: { outcomeUnknown: true } });
    w.etcd.fault = (call) => (call === "txn" ? { after: lost } : undefined);
    w.keys.set("/k/a", "1");
    await w.clock.advance(10);
    w.etcd.fault = () => undefined;
    const { writes } = w.etcd;
    await w.clock.advance(5000);
    assert.deepEqual(await w.now(), { a: "1" });
    assert.equal(w.etcd.writes, writes);
  });

  test("a full store is asked again", async () => {
    await using w = await keysWorld();
    const full = new CodedError("RESOURCE_EXHAUSTED", "no space");
    w.etcd.fault = (call) => (call === "txn" ? { before: full } : undefined);
    w.keys.set("/k/a", "1");
    await w.clock.advance(20_000);
    assert.deepEqual(await w.now(), {});
    w.etcd.fault = () => undefined;
    await w.clock.advance(6000);
    assert.deepEqual(await w.now(), { a: "1" });
  });

  test("one key that is refused does not hold up the others", async () => {
    await using w = await keysWorld();
    w.keys.set("", "no key");
    for (let n = 0; n < 5; n++) w.keys.set(`/k/${n}`, "x");
    await w.clock.advance(5000);
    assert.equal(Object.keys(await w.now()).length, 5);
  });
});

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

describe("announcements of endpoints", () => {
  const http = noticeKey("web", "app", "http");

  test("a label is a key of its own with the original's name", async () => {
    await using w = base();
    await using notices = new EndpointNotices(w.deps);
    notices.start();
    notices.publish("web", { app: "http", "": "" });
    await w.clock.advance(10);
    assert.equal(http, "/vnf-agent/global/notification/nsm/endpoint/service/web/label/app/http");
    assert.deepEqual(Object.keys(await w.read("/vnf-agent/global/notification/nsm/endpoint/service/web/label/")), [
      "<invalid>/<invalid>",
      "app/http",
    ]);
    const kv = await w.etcd.get(http);
    assert.equal(textOf(kv?.value ?? Buffer.of()), "{}");
    assert.equal(kv?.lease, w.session.lease);
    notices.withdraw("web", { app: "http" });
    await w.clock.advance(10);
    assert.equal(await w.etcd.get(http), undefined);
  });

  test("they come back after the lease was lost", async () => {
    await using w = base();
    await using notices = new EndpointNotices(w.deps);
    notices.start();
    notices.publish("web", { app: "http" });
    await w.clock.advance(10);
    w.etcd.endLease(w.session.lease as bigint);
    assert.equal(await w.etcd.get(http), undefined);
    await w.clock.advance(5000);
    assert.ok(await w.etcd.get(http));
  });

  test("two agents that serve the same do not take each other's away", async () => {
    await using w = base();
    await using other = openSession(w.etcd, { clock: w.clock });
    await using first = new EndpointNotices(w.deps);
    await using second = new EndpointNotices({ ...w.deps, session: other });
    first.start();
    second.start();
    first.publish("web", { app: "http" });
    await w.clock.advance(10);
    second.publish("web", { app: "http" });
    await w.clock.advance(10);
    second.withdraw("web", { app: "http" });
    await w.clock.advance(10);
    assert.ok(await w.etcd.get(http));
    second.publish("web", { app: "http" });
    first.withdraw("web", { app: "http" });
    await w.clock.advance(15_000);
    assert.equal((await w.etcd.get(http))?.lease, other.lease);
  });
});

describe("the state of the agent in etcd", () => {
  test("it is written at once, every 10 s, and when it changes", async () => {
    await using w = base();
    let state = 0;
    const read = (): AgentStatus => ({
      build_version: "1",
      state,
      start_time: 5,
      last_change: 5,
      last_update: Math.floor(w.clock.now() / 1000),
      plugins: [{ name: "linux", state, last_change: 5, last_update: 6 }],
      PluginStatus: { linux: { state, last_change: 5, last_update: 6, ...(state === 2 ? { error: "no" } : {}) } },
      NonFatalPlugins: [],
    });
    await using publisher = new AgentStatusPublisher({ ...w.deps, label: "nat", read });
    publisher.start();
    await w.clock.advance(10);
    const agent = async (): Promise<unknown> =>
      JSON.parse(textOf((await w.etcd.get(agentStatusKey("nat")))?.value ?? Buffer.of()) ?? "");
    assert.deepEqual(await agent(), {
      build_version: "1",
      start_time: "5",
      last_change: "5",
      last_update: "1700000000",
      plugins: [{ name: "linux" }],
    });
    const writes = w.etcd.writes;
    await w.clock.advance(9500);
    assert.equal(w.etcd.writes, writes);
    await w.clock.advance(1000);
    assert.equal(w.etcd.writes, writes + 1);
    state = 2;
    await w.clock.advance(1100);
    assert.equal(w.etcd.writes, writes + 2);
    assert.deepEqual(await w.read("/vnf-agent/nat/check/status/v1/plugin/"), {
      linux: '{"state":"ERROR","last_change":"5","last_update":"6","error":"no"}',
    });
  });
});

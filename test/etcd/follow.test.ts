import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Etcd, type FollowUpdate, follow, openEtcd, openSession, prefix, textOf } from "@nsmkit/agent/etcd";
import { LossyRelay } from "./relay.ts";
import { EtcdServer } from "./server.ts";
import { pause, skip, until } from "./support.ts";

/** A reader that keeps what a follower says. */
class Reader {
  readonly state = new Map<string, string>();
  readonly updates: FollowUpdate[] = [];
  readonly #ending = new AbortController();
  readonly #done: Promise<void>;

  constructor(etcd: Etcd, root: string) {
    this.#done = this.#read(etcd, root);
  }

  get snapshots(): number {
    return this.updates.filter(({ kind }) => kind === "snapshot").length;
  }

  async #read(etcd: Etcd, root: string): Promise<void> {
    for await (const update of follow(etcd, prefix(root), { signal: this.#ending.signal, reconnectMs: 200 })) {
      this.updates.push(update);
      if (update.kind === "snapshot") this.state.clear();
      const events = update.kind === "snapshot" ? update.kvs.map((kv) => ({ type: "put", kv })) : update.events;
      for (const { type, kv } of events) {
        const key = textOf(kv.key) ?? "";
        if (type === "put") this.state.set(key, textOf(kv.value) ?? "");
        else this.state.delete(key);
      }
    }
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

describe("following a range of a real server", { ...skip, timeout: 120_000 }, () => {
  for (const [how, interrupt] of [
    ["stops and starts", (server: EtcdServer) => server.stop().then(() => server.start())],
    ["is killed", (server: EtcdServer) => server.stop("SIGKILL").then(() => server.start())],
    [
      "stands still for a while",
      async (server: EtcdServer) => {
        await server.pause();
        await pause(1500);
        server.resume();
      },
    ],
  ] as const) {
    test(`nothing is missed or undone when the server ${how}`, async () => {
      await using server = await EtcdServer.start();
      await using etcd = openEtcd({ endpoints: [server.endpoint], operationTimeoutMs: 1000 });
      await using writer = openEtcd({ endpoints: [server.endpoint], operationTimeoutMs: 10_000 });
      await writer.put("/f/a", "1");
      await using reader = new Reader(etcd, "/f/");
      await until("first", () => reader.state.get("/f/a") === "1");
      await writer.put("/f/b", "1");
      await until("second", () => reader.state.get("/f/b") === "1");
      await interrupt(server);
      await writer.txn({ success: [{ put: "/f/b", value: "2" }, { delete: "/f/a" }, { put: "/f/c", value: "2" }] });
      await until("after", () => reader.state.get("/f/b") === "2");
      assert.deepEqual([...reader.state].sort(), [
        ["/f/b", "2"],
        ["/f/c", "2"],
      ]);
    });
  }

  test("one transaction is one update", async () => {
    await using server = await EtcdServer.start();
    await using etcd = openEtcd({ endpoints: [server.endpoint] });
    await using reader = new Reader(etcd, "/f/");
    await until("snapshot", () => reader.snapshots === 1);
    await etcd.txn({ success: Array.from({ length: 128 }, (_, n) => ({ put: `/f/${n}`, value: "x" })) });
    await until("all", () => reader.state.size === 128);
    assert.equal(reader.updates.length, 2);
  });

  test("what was compacted while we were away comes as a snapshot", async () => {
    await using server = await EtcdServer.start();
    await using relay = await LossyRelay.open(Number(server.endpoint.split(":")[1]));
    await using far = openEtcd({ endpoints: [relay.endpoint], operationTimeoutMs: 500 });
    await using near = openEtcd({ endpoints: [server.endpoint] });
    await near.put("/f/a", "1");
    await using reader = new Reader(far, "/f/");
    await until("first", () => reader.state.size === 1);
    relay.cut();
    await near.delete("/f/a");
    const { revision } = await near.put("/f/b", "2");
    await near.put("/f/b", "3");
    await near.compact(revision + 1n);
    relay.mend();
    await until("after", () => reader.state.get("/f/b") === "3");
    assert.deepEqual([...reader.state.keys()], ["/f/b"]);
    assert.equal(reader.snapshots, 2);
  });

  test("a broken connection alone costs no snapshot", async () => {
    await using server = await EtcdServer.start();
    await using relay = await LossyRelay.open(Number(server.endpoint.split(":")[1]));
    await using far = openEtcd({ endpoints: [relay.endpoint], operationTimeoutMs: 500 });
    await using near = openEtcd({ endpoints: [server.endpoint] });
    await using reader = new Reader(far, "/f/");
    await until("first", () => reader.snapshots === 1);
    await near.put("/f/a", "0");
    await until("a change", () => reader.state.get("/f/a") === "0");
    relay.cut();
    await near.put("/f/a", "1");
    await near.put("/f/a", "2");
    relay.mend();
    await until("after", () => reader.state.get("/f/a") === "2");
    assert.equal(reader.snapshots, 1);
    assert.equal(reader.updates.length, 4);
  });

  for (const [what, writes] of [
    ["that is older", 0],
    ["that went on its own way", 30],
  ] as const) {
    test(`a restored store ${what} is noticed`, async () => {
      await using server = await EtcdServer.start();
      await using etcd = openEtcd({ endpoints: [server.endpoint], operationTimeoutMs: 1000 });
      await using writer = openEtcd({ endpoints: [server.endpoint], operationTimeoutMs: 10_000 });
      await writer.put("/f/old", "1");
      await server.stop();
      await server.backup("old");
      await server.start();
      for (let n = 0; n < 10; n++) await writer.put(`/f/new${n}`, "1");
      await using reader = new Reader(etcd, "/f/");
      await until("first", () => reader.state.size === 11);
      await server.stop("SIGKILL");
      await server.restore("old");
      await server.start();
      for (let n = 0; n < writes; n++) await writer.put("/g/x", `${n}`);
      await until("after", () => reader.state.size === 1);
      assert.deepEqual([...reader.state], [["/f/old", "1"]]);
    });
  }
});

describe("a session with a real server", { ...skip, timeout: 60_000 }, () => {
  test("keeps its lease, and takes a new one when the old one ended while it was away", async () => {
    await using server = await EtcdServer.start();
    await using relay = await LossyRelay.open(Number(server.endpoint.split(":")[1]));
    await using far = openEtcd({ endpoints: [relay.endpoint], operationTimeoutMs: 500 });
    await using near = openEtcd({ endpoints: [server.endpoint] });
    await using session = openSession(far, { ttlSeconds: 2 });
    const leases: (bigint | undefined)[] = [];
    session.onLease((lease) => leases.push(lease));
    await until("a lease", () => session.lease !== undefined);
    await near.put("/s/a", "1", { lease: leases[0] as bigint });
    await pause(3500);
    assert.ok(await near.get("/s/a"), "the lease is kept");
    assert.equal(leases.length, 1);
    relay.cut();
    await until("the key is gone", async () => (await near.get("/s/a")) === undefined);
    await until("the loss is told", () => leases.at(-1) === undefined);
    relay.mend();
    await until("another lease", () => leases.at(-1) !== undefined);
    assert.notEqual(leases.at(-1), leases[0]);
  });

  test("takes its keys with it when it is closed", async () => {
    await using server = await EtcdServer.start();
    await using etcd = openEtcd({ endpoints: [server.endpoint] });
    const session = openSession(etcd, { ttlSeconds: 600 });
    await until("a lease", () => session.lease !== undefined);
    await etcd.put("/s/a", "1", { lease: session.lease as bigint });
    await session.close();
    assert.equal(await etcd.get("/s/a"), undefined);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { prefix } from "../../etcd/bytes.ts";
import { base } from "./fixtures.ts";
import { LeasedKeys } from "./leased-keys.ts";

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

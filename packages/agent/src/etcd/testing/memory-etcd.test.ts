import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import { etcdCases } from "./cases.ts";
import { MemoryEtcd } from "./memory-etcd.ts";

describe("an etcd in memory", () => {
  for (const { title, run } of etcdCases) {
    test(title, async () => {
      await using etcd = new MemoryEtcd();
      await run(etcd, "/case/");
    });
  }

  test("keys go when the time of their lease is over", async () => {
    const clock = new FakeClock();
    await using etcd = new MemoryEtcd({ clock });
    const { id } = await etcd.leaseGrant(5);
    await etcd.put("a", "1", { lease: id });
    await clock.advance(4000);
    await etcd.leaseKeepAlive(id);
    await clock.advance(4000);
    assert.ok(await etcd.get("a"));
    await clock.advance(1000);
    assert.equal(await etcd.get("a"), undefined);
  });

  test("a store that is restored has its old keys and revision", async () => {
    await using etcd = new MemoryEtcd();
    const { revision } = await etcd.put("a", "1");
    const saved = etcd.save();
    await etcd.put("a", "2");
    etcd.restore(saved);
    assert.equal((await etcd.get("a"))?.modRevision, revision);
  });
});

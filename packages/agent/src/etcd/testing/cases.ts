import assert from "node:assert/strict";
import { isCodedError } from "@nsmkit/core";
import type { Etcd, KeyValue, WatchUpdate } from "../api.ts";
import { prefix, textOf } from "../bytes.ts";
import { compactedRevision } from "../errors.ts";

/** One sentence of the contract of `Etcd`. */
export interface EtcdCase {
  readonly title: string;
  /** @param root start of the keys that the case may use; nobody else does */
  run(etcd: Etcd, root: string): Promise<void>;
}

const texts = (kvs: readonly KeyValue[]): string[] => kvs.map(({ key, value }) => `${textOf(key)}=${textOf(value)}`);
const coded = (code: Parameters<typeof isCodedError>[1]) => (error: unknown) => isCodedError(error, code);

/** Reads updates until `count` events came. */
async function events(updates: AsyncIterable<WatchUpdate>, count: number): Promise<string[][]> {
  const revisions: string[][] = [];
  for await (const update of updates) {
    if (update.kind !== "events") continue;
    revisions.push(update.events.map(({ type, kv }) => `${type} ${textOf(kv.key)}=${textOf(kv.value)}`));
    if (revisions.flat().length >= count) break;
  }
  return revisions;
}

/** What every `Etcd` does. Run against `MemoryEtcd` and against real servers. */
export const etcdCases: readonly EtcdCase[] = [
  {
    title: "a key that does not exist is undefined",
    async run(etcd, root) {
      assert.equal(await etcd.get(`${root}x`), undefined);
    },
  },
  {
    title: "a put key has its value and its revisions",
    async run(etcd, root) {
      const { revision: first } = await etcd.put(`${root}a`, "1");
      const { revision: second } = await etcd.put(`${root}a`, "2");
      assert.equal(second, first + 1n);
      const kv = await etcd.get(`${root}a`);
      assert.ok(kv);
      assert.equal(textOf(kv.key), `${root}a`);
      assert.equal(textOf(kv.value), "2");
      assert.deepEqual([kv.createRevision, kv.modRevision, kv.version, kv.lease], [first, second, 2n, 0n]);
    },
  },
  {
    title: "keys and values are bytes",
    async run(etcd, root) {
      const key = Buffer.concat([Buffer.from(root), Uint8Array.of(0xff, 0x00, 0xc3)]);
      await etcd.put(key, Uint8Array.of(0x80, 0x00));
      const [kv] = (await etcd.list(prefix(root))).kvs;
      assert.ok(kv);
      assert.deepEqual(Buffer.from(kv.key), key);
      assert.deepEqual(Buffer.from(kv.value), Buffer.of(0x80, 0x00));
      assert.equal(textOf(kv.key), undefined);
    },
  },
  {
    title: "a list has all keys of its range in the order of their bytes, however small the pages",
    async run(etcd, root) {
      const names = ["b", "a", "ä", "a/1", "ab", "Z"];
      for (const name of names) await etcd.put(`${root}${name}`, name);
      await etcd.put(`${root.slice(0, -1)}0`, "next to the prefix");
      const sorted = names.map((name) => Buffer.from(name)).sort(Buffer.compare);
      for (const pageSize of [1, 2, 1000]) {
        const { kvs } = await etcd.list(prefix(root), { pageSize });
        assert.deepEqual(
          texts(kvs),
          sorted.map((name) => `${root}${name}=${name}`),
        );
      }
      const keys = await etcd.list(prefix(root), { keysOnly: true });
      assert.ok(keys.kvs.every(({ value }) => value.length === 0));
    },
  },
  {
    title: "a list is of the revision it names, now or earlier",
    async run(etcd, root) {
      await etcd.put(`${root}a`, "1");
      const { revision } = await etcd.put(`${root}b`, "1");
      await etcd.delete(`${root}a`);
      const { revision: now } = await etcd.put(`${root}b`, "2");
      const then = await etcd.list(prefix(root), { revision, pageSize: 1 });
      assert.equal(then.revision, revision);
      assert.deepEqual(texts(then.kvs), [`${root}a=1`, `${root}b=1`]);
      const latest = await etcd.list(prefix(root));
      assert.ok(latest.revision >= now);
      assert.deepEqual(texts(latest.kvs), [`${root}b=2`]);
    },
  },
  {
    title: "a delete tells how many keys went",
    async run(etcd, root) {
      await etcd.put(`${root}a`, "");
      await etcd.put(`${root}b`, "");
      assert.equal((await etcd.delete(`${root}c`)).deleted, 0);
      assert.equal((await etcd.delete(prefix(root))).deleted, 2);
      assert.equal(await etcd.get(`${root}a`), undefined);
    },
  },
  {
    title: "a transaction is one revision, and does the other half when a condition does not hold",
    async run(etcd, root) {
      const { revision } = await etcd.put(`${root}a`, "1");
      const done = await etcd.txn({
        compare: [
          { key: `${root}a`, modRevision: revision },
          { key: `${root}b`, version: 0n },
        ],
        success: [{ put: `${root}b`, value: "2" }, { delete: `${root}a` }, { range: prefix(root) }],
      });
      assert.equal(done.succeeded, true);
      assert.equal(done.revision, revision + 1n);
      const [put, deleted, range] = done.results;
      assert.deepEqual(put, { kind: "put" });
      assert.deepEqual(deleted, { kind: "delete", deleted: 1 });
      assert.ok(range?.kind === "range");
      assert.deepEqual(texts(range.kvs), [`${root}b=2`]);
      const refused = await etcd.txn({
        compare: [{ key: `${root}b`, createRevision: 0n }],
        success: [{ put: `${root}b`, value: "3" }],
        failure: [{ range: `${root}b` }],
      });
      assert.equal(refused.succeeded, false);
      const [found] = refused.results;
      assert.ok(found?.kind === "range");
      assert.deepEqual(texts(found.kvs), [`${root}b=2`]);
    },
  },
  {
    title: "every condition compares as it says",
    async run(etcd, root) {
      const key = `${root}a`;
      const { revision } = await etcd.put(key, "m");
      const holds = async (...compare: NonNullable<Parameters<Etcd["txn"]>[0]["compare"]>): Promise<boolean> =>
        (await etcd.txn({ compare })).succeeded;
      assert.equal(await holds(), true);
      assert.equal(await holds({ key, value: "m" }), true);
      assert.equal(await holds({ key, value: "m", is: "!=" }), false);
      assert.equal(await holds({ key, value: "n", is: "<" }), true);
      assert.equal(await holds({ key, value: "n", is: ">" }), false);
      assert.equal(await holds({ key, version: 1n }), true);
      assert.equal(await holds({ key, version: 1n, is: ">" }), false);
      assert.equal(await holds({ key, modRevision: revision }), true);
      assert.equal(await holds({ key, createRevision: revision, is: "<" }), false);
      assert.equal(await holds({ key, lease: 0n }), true);
      assert.equal(await holds({ key, lease: 5n, is: "!=" }), true);
      assert.equal(await holds({ key, value: "m" }, { key, version: 9n }), false);
      const none = `${root}none`;
      assert.equal(await holds({ key: none, version: 0n }), true);
      assert.equal(await holds({ key: none, createRevision: 0n }), true);
      assert.equal(await holds({ key: none, value: "" }), false);
    },
  },
  {
    title: "a transaction that puts a key twice, or too much, is refused whole",
    async run(etcd, root) {
      const put = { put: `${root}a`, value: "" };
      await assert.rejects(etcd.txn({ success: [put, put] }), coded("INVALID_ARGUMENT"));
      const many = Array.from({ length: 129 }, (_, i) => ({ put: `${root}${i}`, value: "" }));
      await assert.rejects(etcd.txn({ success: many }), coded("INVALID_ARGUMENT"));
      assert.equal((await etcd.txn({ success: many.slice(1) })).succeeded, true);
      await assert.rejects(etcd.put("", "x"), coded("INVALID_ARGUMENT"));
      assert.equal((await etcd.list(prefix(root))).kvs.length, 128);
    },
  },
  {
    title: "a watch tells of the past from its revision on, then of what comes, a revision at a time",
    async run(etcd, root) {
      const { revision } = await etcd.put(`${root}a`, "1");
      await etcd.txn({
        success: [{ put: `${root}b`, value: "1" }, { put: `${root}c`, value: "1" }, { delete: `${root}a` }],
      });
      await etcd.put(`${root.slice(0, -1)}0`, "next to the prefix");
      const watched = events(etcd.watch(prefix(root), { fromRevision: revision }), 6);
      await etcd.put(`${root}b`, "2");
      await etcd.delete(prefix(root));
      const [first, second, third, last] = await watched;
      assert.deepEqual(first, [`put ${root}a=1`]);
      assert.deepEqual(second?.toSorted(), [`delete ${root}a=`, `put ${root}b=1`, `put ${root}c=1`]);
      assert.deepEqual(third, [`put ${root}b=2`]);
      assert.deepEqual(last?.toSorted(), [`delete ${root}b=`, `delete ${root}c=`]);
    },
  },
  {
    title: "a watch first says in which store it is",
    async run(etcd, root) {
      const { store } = await etcd.list(prefix(root));
      for await (const update of etcd.watch(prefix(root))) {
        assert.ok(update.kind === "created");
        assert.equal(update.store.clusterId, store.clusterId);
        assert.equal(update.store.raftTerm, store.raftTerm);
        assert.ok(update.store.revision >= store.revision);
        break;
      }
    },
  },
  {
    title: "a watch ends quietly with its signal",
    async run(etcd, root) {
      const ending = new AbortController();
      let updates = 0;
      for await (const _ of etcd.watch(prefix(root), { signal: ending.signal })) {
        updates++;
        ending.abort();
      }
      assert.equal(updates, 1);
      for await (const _ of etcd.watch(prefix(root), { signal: ending.signal })) assert.fail("it was over before");
    },
  },
  {
    title: "history that was compacted is refused with the revision that is left",
    async run(etcd, root) {
      const { revision } = await etcd.put(`${root}a`, "1");
      await etcd.put(`${root}a`, "2");
      const { revision: now } = await etcd.put(`${root}a`, "3");
      await etcd.compact(now);
      const isCompacted = (error: unknown): boolean => compactedRevision(error) !== undefined;
      await assert.rejects(etcd.list(prefix(root), { revision }), isCompacted);
      await assert.rejects(events(etcd.watch(prefix(root), { fromRevision: revision }), 9), (error) => {
        assert.equal(compactedRevision(error), now);
        return true;
      });
      await assert.rejects(etcd.list(prefix(root), { revision: now + 100_000n }), coded("INVALID_ARGUMENT"));
      assert.deepEqual(texts((await etcd.list(prefix(root), { revision: now })).kvs), [`${root}a=3`]);
    },
  },
  {
    title: "a key goes with its lease, unless it was put again without",
    async run(etcd, root) {
      const { id, ttlSeconds } = await etcd.leaseGrant(60);
      assert.equal(ttlSeconds, 60);
      await etcd.put(`${root}a`, "1", { lease: id });
      await etcd.txn({
        success: [
          { put: `${root}b`, value: "1", lease: id },
          { put: `${root}c`, value: "1", lease: id },
        ],
      });
      assert.equal((await etcd.get(`${root}a`))?.lease, id);
      await etcd.put(`${root}c`, "2");
      assert.equal(await etcd.leaseKeepAlive(id), 60);
      await etcd.leaseRevoke(id);
      assert.deepEqual(texts((await etcd.list(prefix(root))).kvs), [`${root}c=2`]);
      await assert.rejects(etcd.leaseKeepAlive(id), coded("NOT_FOUND"));
      await assert.rejects(etcd.leaseRevoke(id), coded("NOT_FOUND"));
      await assert.rejects(etcd.put(`${root}a`, "1", { lease: id }), coded("NOT_FOUND"));
    },
  },
  {
    title: "a call whose signal is aborted is not made",
    async run(etcd, root) {
      const signal = AbortSignal.abort();
      await assert.rejects(etcd.put(`${root}a`, "1", { signal }), coded("ABORTED"));
      await assert.rejects(etcd.list(prefix(root), { signal }), coded("ABORTED"));
      assert.equal(await etcd.get(`${root}a`), undefined);
    },
  },
];

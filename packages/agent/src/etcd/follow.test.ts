import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodedError, isCodedError } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import fc from "fast-check";
import type { Etcd } from "./api.ts";
import { prefix, textOf } from "./bytes.ts";
import { type FollowOptions, follow } from "./follow.ts";
import { openSession } from "./session.ts";
import { MemoryEtcd } from "./testing/memory-etcd.ts";

/** Reads a range as `follow` tells it. */
function reader(etcd: Etcd, clock: FakeClock, more: FollowOptions = {}) {
  const ending = new AbortController();
  const state = new Map<string, string>();
  const kinds: string[] = [];
  const states: boolean[] = [];
  let last = 0n;
  const done = (async () => {
    const onState = ({ connected }: { readonly connected: boolean }): void => void states.push(connected);
    for await (const update of follow(etcd, prefix("/f/"), { ...more, signal: ending.signal, clock, onState })) {
      kinds.push(update.kind);
      if (update.kind === "snapshot") {
        state.clear();
        for (const { key, value } of update.kvs) state.set(textOf(key) ?? "", textOf(value) ?? "");
      } else {
        assert.ok(update.revision > last, "each revision once, in order");
        for (const { type, kv } of update.events) {
          if (type === "put") state.set(textOf(kv.key) ?? "", textOf(kv.value) ?? "");
          else state.delete(textOf(kv.key) ?? "");
        }
      }
      last = update.revision;
    }
  })();
  return {
    state,
    kinds,
    states,
    done,
    async close() {
      ending.abort();
      await clock.advance(0);
      await done;
    },
  };
}

describe("following a range", () => {
  test("a break without an election goes on where it was", async () => {
    const clock = new FakeClock();
    await using etcd = new MemoryEtcd({ clock });
    const r = reader(etcd, clock);
    await clock.advance(10);
    await etcd.put("/f/a", "0");
    await clock.advance(10);
    etcd.dropWatches();
    await etcd.put("/f/a", "1");
    await clock.advance(5000);
    assert.deepEqual(r.kinds, ["snapshot", "events", "events"]);
    assert.deepEqual(r.states, [true, true, false, true]);
    await r.close();
  });

  test("a deletion that no watch tells is found by the next snapshot, and the watch goes on after it", async () => {
    const clock = new FakeClock();
    await using etcd = new MemoryEtcd({ clock });
    const { watch } = etcd;
    etcd.watch = async function* (...given) {
      for await (const update of watch.apply(etcd, given)) {
        const lost = update.kind === "events" && update.events.some(({ type }) => type === "delete");
        if (!lost) yield update;
      }
    };
    const r = reader(etcd, clock, { snapshotEveryMs: 60_000 });
    await clock.advance(10);
    await etcd.put("/f/a", "0");
    await etcd.delete("/f/a");
    await clock.advance(1000);
    assert.deepEqual([...r.state], [["/f/a", "0"]]);
    await clock.advance(60_000);
    assert.deepEqual([...r.state], []);
    await etcd.put("/f/b", "1");
    await clock.advance(10);
    assert.deepEqual([...r.state], [["/f/b", "1"]]);
    assert.deepEqual(r.kinds, ["snapshot", "events", "snapshot", "events"]);
    assert.ok(!r.states.includes(false), "nothing broke");
    await r.close();
  });

  test("a client that is closed ends it with CLOSED, its own signal quietly", async () => {
    const clock = new FakeClock();
    const etcd = new MemoryEtcd({ clock });
    const r = reader(etcd, clock);
    await clock.advance(10);
    const ended = assert.rejects(r.done, (error) => isCodedError(error, "CLOSED"));
    await etcd.close();
    await ended;
  });

  test("whatever happens between, the reader ends with what the store has", async () => {
    const key = fc.constantFrom("/f/a", "/f/b", "/f/c", "/g/x");
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant("put" as const), key) },
      { weight: 3, arbitrary: fc.tuple(fc.constant("delete" as const), key) },
      ...(["drop", "restart", "compact", "save", "restore", "swap", "move", "wait", "refuse", "allow"] as const).map(
        (kind) => ({
          weight: 1,
          arbitrary: fc.tuple(fc.constant(kind), key),
        }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new FakeClock();
        await using etcd = new MemoryEtcd({ clock });
        const r = reader(etcd, clock);
        let saved = etcd.save();
        let n = 0;
        for (const [kind, name] of steps) {
          if (kind === "put") await etcd.put(name, `${n++}`);
          else if (kind === "delete") await etcd.delete(name);
          else if (kind === "drop") etcd.dropWatches();
          else if (kind === "restart") {
            etcd.stop();
            etcd.start();
          } else if (kind === "compact") await etcd.compact((await etcd.list(prefix("/"))).revision).catch(() => {});
          else if (kind === "save") saved = etcd.save();
          else if (kind === "restore") etcd.restore(saved);
          else if (kind === "swap") etcd.restore(saved, { sameTerm: true });
          else if (kind === "move") etcd.restore(saved, { newCluster: true });
          else if (kind === "wait") await clock.advance(3000);
          else if (kind === "refuse") {
            const before = new CodedError("UNAVAILABLE", "no");
            etcd.fault = (call) => (call === "watch" ? { before } : undefined);
          } else etcd.fault = () => undefined;
        }
        etcd.fault = () => undefined;
        await clock.advance(20_000);
        const { kvs } = await etcd.list(prefix("/f/"));
        assert.deepEqual(
          [...r.state].sort(),
          kvs.map((kv) => [textOf(kv.key), textOf(kv.value)]),
        );
        await r.close();
        assert.equal(clock.pendingTimers, 0);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a session", () => {
  test("keeps one lease for as long as it lives, and gives it back", async () => {
    const clock = new FakeClock();
    await using etcd = new MemoryEtcd({ clock });
    const session = openSession(etcd, { clock });
    const told: (bigint | undefined)[] = [];
    session.onLease((lease) => told.push(lease));
    await clock.advance(600_000);
    assert.equal(told.length, 1);
    assert.deepEqual(etcd.leases, told);
    const closing = session.close();
    await clock.advance(0);
    await closing;
    assert.deepEqual(etcd.leases, []);
    assert.deepEqual(told.slice(1), [undefined]);
  });

  test("a server that was away keeps the lease; the doubt about it is told and taken back", async () => {
    const clock = new FakeClock();
    await using etcd = new MemoryEtcd({ clock });
    const session = openSession(etcd, { clock });
    const told: (bigint | undefined)[] = [];
    session.onLease((lease) => told.push(lease));
    await clock.advance(100);
    etcd.stop();
    await clock.advance(30_000);
    etcd.start();
    await clock.advance(3000);
    assert.deepEqual(told, [told[0], undefined, told[0]]);
    const closing = session.close();
    await clock.advance(0);
    await closing;
  });
});

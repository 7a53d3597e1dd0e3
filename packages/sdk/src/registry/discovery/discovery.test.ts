import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import { Context, type Handler } from "../../chain/index.ts";
import { timestampOf } from "../../networkservice/core/connection.ts";
import type { NseKind, Registry, RegistryKind } from "../core/kinds.ts";
import { memoryEndpoints, memoryServices } from "../memory/registry.ts";
import { endpoint, service } from "../testing/calls.ts";
import { createDiscovery, type DiscoveryOptions } from "./discovery.ts";

/** A registry in memory that counts questions and can go away with or without its memory. */
function setUp(options: DiscoveryOptions = {}) {
  const clock = new FakeClock();
  const line = { cut: new AbortController(), finds: 0, watches: 0 };
  let store: Registry = { services: memoryServices(), endpoints: memoryEndpoints() };
  const counted = <K extends RegistryKind>(handler: () => Handler<K>): Handler<K> => ({
    request: (ctx, entry) => handler().request(ctx, entry),
    close: (ctx, entry) => handler().close(ctx, entry),
    async *find(ctx, query) {
      const { cut } = line;
      if (query.watch) line.watches++;
      else line.finds++;
      if (cut.signal.aborted) throw new CodedError("UNAVAILABLE", "registry is down");
      const signal = AbortSignal.any([ctx.signal, cut.signal]);
      yield* handler().find(ctx.withSignal(signal), query);
      if (cut.signal.aborted) throw new CodedError("UNAVAILABLE", "the connection broke");
    },
  });
  const registry = { services: counted(() => store.services), endpoints: counted(() => store.endpoints) };
  const discovery = createDiscovery(registry, { clock, ...options });
  const ctx = new Context({ signal: new AbortController().signal, clock });
  return {
    clock,
    line,
    discovery,
    signal: ctx.signal,
    put: (init: Parameters<typeof endpoint>[0]) => store.endpoints.request(ctx, endpoint(init)),
    remove: (name: string) => store.endpoints.close(ctx, endpoint({ name })),
    putService: (init: Parameters<typeof service>[0]) => store.services.request(ctx, service(init)),
    goDown: () => line.cut.abort(),
    comeBackEmpty: () => {
      store = { services: memoryServices(), endpoints: memoryEndpoints() };
      line.cut = new AbortController();
    },
  };
}
const names = (entries: readonly { name: string }[]): string[] => entries.map(({ name }) => name);
const offers = (name: string, service = "s") => ({ name, networkServiceNames: [service] });

describe("answers", () => {
  test("come from one watch per service, however often asked", async () => {
    const { discovery, line, signal, put, putService } = setUp();
    await putService({ name: "s" });
    await put(offers("a"));
    for (let i = 0; i < 100; i++) {
      assert.equal((await discovery.networkService("s", { signal }))?.name, "s");
      assert.deepEqual(names(await discovery.endpoints("s", { signal })), ["a"]);
      assert.equal((await discovery.endpoint("a", { signal }))?.name, "a");
    }
    assert.deepEqual([line.watches, line.finds], [2, 2]);
    await discovery.close();
  });

  test("follow registration and removal", async () => {
    const { clock, discovery, signal, put, remove } = setUp();
    assert.deepEqual(await discovery.endpoints("s", { signal }), []);
    await put(offers("a"));
    await put(offers("b"));
    await put(offers("x", "other"));
    await clock.advance(0);
    assert.deepEqual(names(await discovery.endpoints("s", { signal })), ["a", "b"]);
    await remove("a");
    await clock.advance(0);
    assert.deepEqual(names(await discovery.endpoints("s", { signal })), ["b"]);
    await discovery.close();
  });

  test("an expired endpoint is not in them, though the registry has not said so yet", async () => {
    const { clock, discovery, signal, put } = setUp();
    await put({ ...offers("a"), expirationTime: timestampOf(5_000) });
    assert.deepEqual(names(await discovery.endpoints("s", { signal })), ["a"]);
    assert.ok(await discovery.endpoint("a", { signal }));
    await clock.advance(5_000);
    assert.deepEqual(await discovery.endpoints("s", { signal }), []);
    assert.equal(await discovery.endpoint("a", { signal }), undefined);
    await discovery.close();
  });

  test("an endpoint asked for by name costs one question the first time, none later", async () => {
    const { clock, discovery, line, signal, put } = setUp();
    await put(offers("a"));
    assert.equal((await discovery.endpoint("a", { signal }))?.name, "a");
    await clock.advance(0);
    const before = line.finds;
    for (let i = 0; i < 10; i++) await discovery.endpoint("a", { signal });
    assert.equal(line.finds, before);
    await discovery.close();
  });

  test("what nobody registered is undefined or empty", async () => {
    const { discovery, signal } = setUp();
    assert.equal(await discovery.networkService("s", { signal }), undefined);
    assert.equal(await discovery.endpoint("a", { signal }), undefined);
    await discovery.close();
  });

  test("can be narrowed to endpoints of this node", async () => {
    const { discovery, signal, put } = setUp({ narrow: (name) => (name === "forwarder" ? { url: "tcp://me" } : {}) });
    await put({ ...offers("mine", "forwarder"), url: "tcp://me:5001" });
    await put({ ...offers("theirs", "forwarder"), url: "tcp://them:5001" });
    assert.deepEqual(names(await discovery.endpoints("forwarder", { signal })), ["mine"]);
    await discovery.close();
  });

  test("a service that nobody asks for is no longer watched, unless somebody listens", async () => {
    const { clock, discovery, line, signal } = setUp({ idleMs: 1_000 });
    using _listening = discovery.watchNetworkService("kept", () => {});
    await discovery.networkService("left", { signal });
    await clock.advance(3_000);
    const before = line.watches;
    await discovery.networkService("kept", { signal });
    assert.equal(line.watches, before);
    await discovery.networkService("left", { signal });
    assert.equal(line.watches, before + 1);
    await discovery.close();
  });

  test("closing leaves no timer and no watch", async () => {
    const { clock, discovery, signal } = setUp();
    await discovery.networkService("s", { signal });
    await discovery.endpoints("s", { signal });
    await discovery.close();
    assert.equal(clock.pendingTimers, 0);
  });
});

test("a list that is older than what the watch told of does not bring a deleted endpoint back", async () => {
  const clock = new FakeClock();
  const store = memoryEndpoints();
  const ctx = new Context({ signal: new AbortController().signal, clock });
  await store.request(ctx, endpoint(offers("a")));
  const slowList: Handler<NseKind> = {
    ...store,
    async *find(below, query) {
      const found = query.watch ? [] : await Array.fromAsync(store.find(below, query));
      if (!query.watch) await clock.sleep(100);
      yield* query.watch ? store.find(below, query) : found;
    },
  };
  const discovery = createDiscovery({ services: memoryServices(), endpoints: slowList }, { clock });
  const answer = discovery.endpoints("s", { signal: AbortSignal.timeout(5_000) });
  await clock.advance(50);
  await store.close(ctx, endpoint({ name: "a" }));
  await clock.advance(50);
  // The first answer may have come from the watch before the deletion; the next must not have it.
  await answer;
  assert.deepEqual(await discovery.endpoints("s", { signal: AbortSignal.timeout(5_000) }), []);
  await discovery.close();
});

describe("waiting", () => {
  test("an endpoint that comes in time is the answer as soon as it is there", async () => {
    const { clock, discovery, signal, put } = setUp({ waitMs: 3_000 });
    const answer = discovery.endpoints("s", { signal });
    await clock.advance(1_000);
    await put(offers("a"));
    await clock.advance(0);
    assert.deepEqual(names(await answer), ["a"]);
    assert.equal(clock.now(), 1_000);
    await discovery.close();
  });

  test("ends empty after its time", async () => {
    const { clock, discovery, signal } = setUp({ waitMs: 3_000 });
    const answers = Promise.all([discovery.endpoints("s", { signal }), discovery.networkService("s", { signal })]);
    await clock.advance(3_000);
    assert.deepEqual(await answers, [[], undefined]);
    await discovery.close();
  });

  test("ends with the call", async () => {
    const { clock, discovery } = setUp({ waitMs: 3_000 });
    const stop = new AbortController();
    const answer = discovery.networkService("s", { signal: stop.signal });
    await clock.advance(100);
    stop.abort();
    await assert.rejects(answer, { code: "ABORTED" });
    await discovery.close();
  });
});

describe("while the registry is away", () => {
  test("what is known counts, what is not is UNAVAILABLE", async () => {
    const { clock, discovery, signal, put, goDown } = setUp();
    await put(offers("a"));
    await discovery.endpoints("s", { signal });
    goDown();
    await clock.advance(10_000);
    assert.deepEqual(names(await discovery.endpoints("s", { signal })), ["a"]);
    await assert.rejects(discovery.endpoints("other", { signal }), { code: "UNAVAILABLE" });
    await assert.rejects(discovery.networkService("s", { signal }), { code: "UNAVAILABLE" });
    await discovery.close();
  });

  test("a registry that comes back empty does not take away what was known, for ten seconds", async () => {
    const { clock, discovery, signal, put, goDown, comeBackEmpty } = setUp();
    await put(offers("a"));
    await put(offers("b"));
    await discovery.endpoints("s", { signal });
    goDown();
    await clock.advance(2_000);
    comeBackEmpty();
    await clock.advance(1_500);
    assert.deepEqual(names(await discovery.endpoints("s", { signal })), ["a", "b"]);
    await put(offers("b"));
    await clock.advance(10_000);
    assert.deepEqual(names(await discovery.endpoints("s", { signal })), ["b"]);
    await discovery.close();
  });

  test("the watch is back within a second of the registry's return", async () => {
    const { clock, discovery, line, signal, goDown, comeBackEmpty, putService } = setUp();
    await discovery.networkService("s", { signal });
    goDown();
    await clock.advance(60_000);
    comeBackEmpty();
    await putService({ name: "s", payload: "ETHERNET" });
    await clock.advance(1_000);
    const before = line.finds;
    assert.equal((await discovery.networkService("s", { signal }))?.payload, "ETHERNET");
    assert.equal(line.finds, before);
    await discovery.close();
  });
});

describe("watchNetworkService", () => {
  test("tells of changes, not of a registration that changes nothing, until disposed", async () => {
    const { clock, discovery, putService } = setUp();
    const told: (string | undefined)[] = [];
    await putService({ name: "s", payload: "IP" });
    const listening = discovery.watchNetworkService("s", (changed) => told.push(changed?.payload));
    await clock.advance(0);
    await putService({ name: "s", payload: "IP" });
    await putService({ name: "s", payload: "ETHERNET" });
    await clock.advance(0);
    listening[Symbol.dispose]();
    await putService({ name: "s", payload: "IP" });
    await clock.advance(0);
    assert.deepEqual(told, ["IP", "ETHERNET"]);
    await discovery.close();
  });
});

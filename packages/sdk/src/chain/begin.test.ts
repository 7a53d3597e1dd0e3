import assert from "node:assert/strict";
import { test } from "node:test";
import { Deferred, mustExist } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { begin, begun } from "./begin.ts";
import type { BeginRules, Begun } from "./begun.ts";
import { chain } from "./chain.ts";
import { Context } from "./context.ts";
import type { Element, Handler } from "./element.ts";
import { key } from "./key.ts";

interface Call {
  id: string;
  text: string;
}
interface Calls {
  request: Call;
  reply: Call;
  closing: Call;
  query: never;
  found: never;
}

const rules: BeginRules<Calls> = {
  requestId: (request) => request.id,
  closingId: (closing) => closing.id,
  copyRequest: (request) => ({ ...request }),
  copyReply: (reply) => ({ ...reply }),
  closing: (last) => ({ ...last.reply }),
  again: (last, { reselect }) => ({ ...last.reply, text: `${last.request.text}${reselect ? "*" : "+"}` }),
};

const noFind = async function* (): AsyncIterable<never> {};
const ctx = (signal = new AbortController().signal): Context => new Context({ signal });

function setUp(more: Partial<BeginRules<Calls>> = {}) {
  const log: string[] = [];
  const gates = new Map<string, Deferred<void>>();
  let scope: Begun<Calls> | undefined;
  const end: Handler<Calls> = {
    request: async (c, request) => {
      scope = begun<Calls>(c);
      log.push(`request ${request.text}`);
      await gates.get(request.text)?.promise;
      if (request.text.startsWith("bad")) throw new Error("refused");
      log.push(`done ${request.text}`);
      return { ...request, text: `reply to ${request.text}` };
    },
    close: async (_, closing) => void log.push(`close ${closing.text}`),
    find: noFind,
  };
  const clock = new FakeClock();
  const first = begin({ ...rules, ...more }, { clock });
  const all = chain<Calls>([first], end);
  const gate = (text: string): Deferred<void> => {
    const made = new Deferred<void>();
    gates.set(text, made);
    return made;
  };
  return { log, gate, all, first, clock, scope: () => mustExist(scope, "scope") };
}

test("calls of one id run one after the other in the order they came", async () => {
  const { log, gate, all } = setUp();
  const slow = gate("1");
  const one = all.request(ctx(), { id: "a", text: "1" });
  const two = all.request(ctx(), { id: "a", text: "2" });
  await settle();
  assert.deepEqual(log, ["request 1"]);
  slow.resolve();
  await Promise.all([one, two]);
  assert.deepEqual(log, ["request 1", "done 1", "request 2", "done 2"]);
});

test("calls of different ids do not wait for each other", async () => {
  const { log, gate, all } = setUp();
  gate("1");
  void all.request(ctx(), { id: "a", text: "1" });
  await all.request(ctx(), { id: "b", text: "2" });
  assert.deepEqual(log, ["request 1", "request 2", "done 2"]);
});

test("a request without an id is refused", async () => {
  await assert.rejects(setUp().all.request(ctx(), { id: "", text: "1" }), { code: "INVALID_ARGUMENT" });
});

test("close gets the last reply, not what the caller sent", async () => {
  const { log, all, first } = setUp();
  await all.request(ctx(), { id: "a", text: "1" });
  await all.close(ctx(), { id: "a", text: "made up" });
  assert.equal(log.at(-1), "close reply to 1");
  assert.equal(first.size, 0);
});

test("close of an unknown id succeeds and goes nowhere", async () => {
  const { log, all } = setUp();
  await all.close(ctx(), { id: "a", text: "1" });
  assert.deepEqual(log, []);
});

test("close of an unknown id goes down where the rules say so, and leaves no state", async () => {
  const { log, all, first } = setUp({ unknownClose: "pass" });
  await all.close(ctx(), { id: "a", text: "1" });
  assert.deepEqual([log, first.size], [["close 1"], 0]);
});

test("close of an unknown id may go down and succeed whatever comes of it", async () => {
  const closed: string[] = [];
  const end: Handler<Calls> = {
    request: async (_, request) => request,
    close: async (_, { text }) => {
      closed.push(text);
      throw new Error("gone");
    },
    find: noFind,
  };
  const first = begin({ ...rules, unknownClose: "try" });
  await using all = chain<Calls>([first], end);
  await all.close(ctx(), { id: "a", text: "1" });
  assert.deepEqual([closed, first.size], [["1"], 0]);
});

test("a failed first request leaves no state", async () => {
  const { all, first } = setUp();
  await assert.rejects(all.request(ctx(), { id: "a", text: "bad" }), /refused/);
  assert.equal(first.size, 0);
});

test("a failed later request leaves the connection as it was", async () => {
  const { log, all, first } = setUp();
  await all.request(ctx(), { id: "a", text: "1" });
  await assert.rejects(all.request(ctx(), { id: "a", text: "bad" }), /refused/);
  assert.equal(first.size, 1);
  await all.close(ctx(), { id: "a", text: "" });
  assert.equal(log.at(-1), "close reply to 1");
});

test("state is released when the connection ends and is new for the next one", async () => {
  const released: string[] = [];
  const timer = key<string>("timer", (value) => released.push(value));
  const seen: (string | undefined)[] = [];
  const keeps: Element<Calls> = {
    name: "keeps",
    requires: ["begin"],
    request: (c, request, next) => {
      seen.push(begun(c).store.get(timer));
      begun(c).store.set(timer, request.text);
      return next.request(c, request);
    },
  };
  const end: Handler<Calls> = { request: async (_, r) => r, close: async () => {}, find: noFind };
  await using all = chain<Calls>([begin(rules), keeps], end);
  await all.request(ctx(), { id: "a", text: "1" });
  await all.request(ctx(), { id: "a", text: "2" });
  await all.close(ctx(), { id: "a", text: "" });
  await all.request(ctx(), { id: "a", text: "3" });
  assert.deepEqual([seen, released], [[undefined, "1", undefined], ["2"]]);
});

test("an event repeats the last request with the last reply", async () => {
  const { log, all, scope } = setUp();
  await all.request(ctx(), { id: "a", text: "1" });
  await scope().request();
  assert.equal(log.at(-1), "done 1+");
});

test("an event that reselects closes first", async () => {
  const { log, all, scope } = setUp();
  await all.request(ctx(), { id: "a", text: "1" });
  await scope().request({ reselect: true });
  assert.deepEqual(log.slice(-3), ["close reply to 1", "request 1*", "done 1*"]);
});

test("an event waits for its turn and is dropped if its signal is cancelled before", async () => {
  const { log, gate, all, scope } = setUp();
  await all.request(ctx(), { id: "a", text: "1" });
  const slow = gate("2");
  const running = all.request(ctx(), { id: "a", text: "2" });
  const cancel = new AbortController();
  const event = scope().request({ signal: cancel.signal });
  cancel.abort();
  slow.resolve();
  await running;
  assert.equal(await event, undefined);
  assert.equal(log.at(-1), "done 2");
});

test("an event of a connection that is gone does nothing, even if the id is in use again", async () => {
  const { log, all, scope } = setUp();
  await all.request(ctx(), { id: "a", text: "1" });
  const old = scope();
  await all.close(ctx(), { id: "a", text: "" });
  await all.request(ctx(), { id: "a", text: "2" });
  const before = log.length;
  assert.equal(await old.request(), undefined);
  await old.close();
  assert.equal(log.length, before);
});

test("an event that takes too long is cancelled with DEADLINE_EXCEEDED", async () => {
  const clock = new FakeClock();
  let scope: Begun<Calls> | undefined;
  const end: Handler<Calls> = {
    request: (c, request) => {
      scope = begun<Calls>(c);
      if (request.text === "1") return Promise.resolve(request);
      return new Promise((_, reject) => c.signal.addEventListener("abort", () => reject(c.signal.reason)));
    },
    close: async () => {},
    find: noFind,
  };
  await using all = chain<Calls>([begin(rules, { clock, eventTimeoutMs: 100 })], end);
  await all.request(ctx(), { id: "a", text: "1" });
  const event = assert.rejects(mustExist(scope, "scope").request(), { code: "DEADLINE_EXCEEDED" });
  await clock.advance(100);
  await event;
  assert.equal(clock.pendingTimers, 0);
});

test("a request that starts over closes the old connection first and gets new state", async () => {
  const { log, all } = setUp({ startsOver: (request) => request.text === "over" });
  await all.request(ctx(), { id: "a", text: "over" });
  await all.request(ctx(), { id: "a", text: "over" });
  assert.deepEqual(log.slice(2), ["close reply to over", "request over", "done over"]);
});

test("merge sees the last exchange and only for an established connection", async () => {
  const { log, all } = setUp({
    merge: (request, last) => ({ ...request, text: `${request.text}<${last.returned.text}` }),
  });
  await all.request(ctx(), { id: "a", text: "1" });
  await all.request(ctx(), { id: "a", text: "2" });
  assert.equal(log.at(-1), "done 2<reply to 1");
});

test("a first request whose caller has gone meanwhile is closed again", async () => {
  const { log, gate, all, first } = setUp();
  const slow = gate("1");
  const cancel = new AbortController();
  const call = assert.rejects(all.request(ctx(cancel.signal), { id: "a", text: "1" }), { code: "ABORTED" });
  await settle();
  cancel.abort();
  slow.resolve();
  await call;
  assert.deepEqual([log.at(-1), first.size], ["close reply to 1", 0]);
});

test("a nested call of the same id runs inline", async () => {
  let top: Handler<Calls> | undefined;
  const end: Handler<Calls> = {
    request: async (c, request) =>
      request.text === "outer" ? mustExist(top, "top").request(c, { ...request, text: "inner" }) : request,
    close: async () => {},
    find: noFind,
  };
  await using all = chain<Calls>([begin(rules)], end);
  top = all;
  assert.equal((await all.request(ctx(), { id: "a", text: "outer" })).text, "inner");
});

test("stop waits for running calls, drops events and releases state", async () => {
  const { log, all, first, scope } = setUp();
  await all.request(ctx(), { id: "a", text: "1" });
  const old = scope();
  await all.stop();
  assert.equal(await old.request(), undefined);
  assert.deepEqual([first.size, log.length], [0, 2]);
});

test("close cuts short a repeated request that is under way", async () => {
  let scope: Begun<Calls> | undefined;
  const end: Handler<Calls> = {
    request: (c, request) => {
      scope = begun<Calls>(c);
      if (request.text === "1") return Promise.resolve(request);
      return new Promise((_, reject) => c.signal.addEventListener("abort", () => reject(c.signal.reason)));
    },
    close: async () => {},
    find: noFind,
  };
  const first = begin(rules, { clock: new FakeClock() });
  await using all = chain<Calls>([first], end);
  await all.request(ctx(), { id: "a", text: "1" });
  const event = assert.rejects(mustExist(scope, "scope").request(), { code: "ABORTED" });
  await settle();
  await all.close(ctx(), { id: "a", text: "" });
  await event;
  assert.equal(first.size, 0);
});

test("close goes on when its caller goes away", async () => {
  const closing = new Deferred<AbortSignal>();
  const gate = new Deferred<void>();
  const end: Handler<Calls> = {
    request: async (_, request) => request,
    close: async (c) => {
      closing.resolve(c.signal);
      await gate.promise;
    },
    find: noFind,
  };
  await using all = chain<Calls>([begin(rules)], end);
  await all.request(ctx(), { id: "a", text: "1" });
  const caller = new AbortController();
  const close = all.close(ctx(caller.signal), { id: "a", text: "" });
  const signal = await closing.promise;
  caller.abort();
  assert.equal(signal.aborted, false);
  gate.resolve();
  await close;
});

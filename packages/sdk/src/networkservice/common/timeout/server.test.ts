import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import { chain } from "../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import { timestampOf } from "../../core/connection.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { updatePath } from "../updatepath/element.ts";
import { timeoutServer } from "./server.ts";

function setUp(options: { readonly concurrency?: number } = {}) {
  const clock = new FakeClock();
  const end = new RecordingEnd();
  const first = beginServer({ clock });
  const tokens = { name: "updatetoken", role: "server" } as const;
  const all = chain<NetworkServiceKind>([updatePath("nsmgr"), first, tokens, timeoutServer(options)], end);
  const request = (expiresMs: number | undefined, more: { id?: string; deadlineMs?: number } = {}) => {
    const { id = "c", ...ctx } = more;
    const expires = expiresMs === undefined ? {} : { expires: timestampOf(expiresMs) };
    const pathSegments = [
      { name: "nsc", id, ...expires },
      { name: "nsmgr", id: `${id}-m` },
    ];
    return all.request(testContext({ clock, ...ctx }), requestOf({ id, path: { index: 0, pathSegments } }));
  };
  return { clock, end, first, all, request };
}

test("a connection is closed when its caller's segment expires, not before", async () => {
  const { clock, end, first, request } = setUp();
  await request(60_000);
  await clock.advance(59_999);
  assert.equal(end.closes.length, 0);
  await clock.advance(1);
  assert.deepEqual([end.closes.map(({ id }) => id), first.size], [["c-m"], 0]);
});

test("the time that the request was given is taken off", async () => {
  const { clock, end, request } = setUp();
  await request(60_000, { deadlineMs: 15_000 });
  await clock.advance(44_999);
  assert.equal(end.closes.length, 0);
  await clock.advance(1);
  assert.equal(end.closes.length, 1);
});

test("a caller with more patience than its token has life keeps its connection for half of that", async () => {
  const { clock, end, request } = setUp();
  await request(10_000, { deadlineMs: 600_000 });
  await clock.advance(4_999);
  assert.equal(end.closes.length, 0);
  await clock.advance(1);
  assert.equal(end.closes.length, 1);
});

test("a refresh sets the time anew and leaves one timer", async () => {
  const { clock, end, request } = setUp();
  await request(60_000);
  await clock.advance(50_000);
  await request(110_000);
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(59_999);
  assert.equal(end.closes.length, 0);
});

test("a refresh that waits while the time runs out still keeps the connection", async () => {
  const { clock, end, request } = setUp();
  await request(60_000);
  const slow = Promise.withResolvers<void>();
  end.reply = async (connection) => {
    await slow.promise;
    return connection;
  };
  const refresh = request(120_000);
  await clock.advance(60_000);
  slow.resolve();
  await refresh;
  await clock.advance(1);
  assert.equal(end.closes.length, 0);
});

test("a connection that nobody says an end of is refused, and closed further down", async () => {
  const { end, first, request } = setUp();
  await assert.rejects(request(undefined), { code: "INVALID_ARGUMENT", message: /has no end/ });
  assert.deepEqual([end.closes.length, first.size], [1, 0]);
});

test("close takes the timer away", async () => {
  const { clock, all, request } = setUp();
  const reply = await request(60_000);
  await all.close(testContext({ clock }), reply);
  assert.equal(clock.pendingTimers, 0);
});

test("no more connections are closed at once than allowed", async () => {
  const { clock, end, request } = setUp({ concurrency: 2 });
  for (const id of ["a", "b", "c", "d"]) await request(60_000, { id });
  let running = 0;
  let most = 0;
  const gates: (() => void)[] = [];
  end.close = async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => gates.push(resolve));
    running--;
  };
  await clock.advance(60_000);
  while (gates.length > 0) {
    gates.shift()?.();
    await clock.advance(0);
  }
  assert.deepEqual([most, running], [2, 0]);
});

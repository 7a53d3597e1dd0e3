import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { chain } from "../../../chain/chain.ts";
import { FakeChannel, fakePool } from "../../../testing/channel.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { clientUrl } from "../clienturl/client.ts";
import { dialClient } from "../dial/client.ts";
import { updatePath } from "../updatepath/element.ts";
import { callNextHop } from "./end.ts";

function setUp() {
  const clock = new FakeClock();
  const far = new RecordingEnd();
  const farBegin = beginServer();
  const channel = new FakeChannel(chain<NetworkServiceKind>([updatePath("next"), farBegin], far));
  const first = beginServer({ clock });
  const all = chain<NetworkServiceKind>(
    [updatePath("us"), first, clientUrl(channel.target), dialClient(fakePool([channel]))],
    callNextHop,
  );
  const ask = (id: string, options: Parameters<typeof testContext>[0] = {}) =>
    all.request(testContext({ clock, ...options }), requestOf({ id }));
  return { ask, channel, clock, far, farBegin, first };
}

test("the deadline goes on to the next hop as the time that is left", async () => {
  const { ask, channel, clock } = setUp();
  await clock.advance(1_000);
  await ask("a", { deadlineMs: 4_000 });
  assert.equal(channel.calls[0]?.timeoutMs, 3_000);
});

test("a first request whose answer is lost is closed at the next hop", async () => {
  const { ask, channel, far, farBegin, first } = setUp();
  await ask("a");
  const { unary } = FakeChannel.prototype;
  channel.unary = (async (...args) => {
    const answer = await unary.apply(channel, args as Parameters<typeof unary>);
    channel.unary = unary as typeof channel.unary;
    if (answer) throw new CodedError("UNAVAILABLE", "the connection broke");
    return answer;
  }) as typeof channel.unary;
  await assert.rejects(ask("b"), { code: "UNAVAILABLE" });
  await settle();
  assert.deepEqual([far.requests.length, far.closes.length, farBegin.size, first.size], [2, 1, 1, 1]);
});

test("a request that the caller cancels while the next hop works is closed there when it is done", async () => {
  const { ask, far, farBegin } = setUp();
  await ask("a");
  const slow = Promise.withResolvers<void>();
  far.reply = async (connection) => {
    await slow.promise;
    return connection;
  };
  const cancel = new AbortController();
  const failed = assert.rejects(ask("b", { signal: cancel.signal }));
  await settle();
  cancel.abort();
  slow.resolve();
  await failed;
  await settle();
  assert.deepEqual([far.closes.length, farBegin.size], [1, 1]);
});

test("a refresh whose answer is lost closes nothing", async () => {
  const { ask, channel, far } = setUp();
  await ask("a");
  channel.unreachable = new CodedError("UNAVAILABLE", "gone");
  channel.ready = async () => channel.peer;
  await assert.rejects(ask("a"));
  channel.unreachable = undefined;
  assert.equal(far.closes.length, 0);
});

test("an answer that says no is not followed by a close", async () => {
  const { ask, channel, far } = setUp();
  await ask("a");
  far.reply = () => Promise.reject(new CodedError("PERMISSION_DENIED", "no"));
  await assert.rejects(ask("b"), { code: "PERMISSION_DENIED" });
  await settle();
  assert.equal(channel.calls.length, 2);
});

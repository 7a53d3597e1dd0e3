import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import { chain } from "../../../chain/chain.ts";
import { insecureIdentity } from "../../../identity/index.ts";
import { FakeChannel, fakePool } from "../../../testing/channel.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import { channelPool } from "../../../transport/client/pool.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { callNextHop } from "../connect/end.ts";
import { updatePath } from "../updatepath/element.ts";
import { dialClient } from "./client.ts";
import { nextUrl } from "./nexthop.ts";

function setUp() {
  const clock = new FakeClock();
  const [one, two] = [new RecordingEnd(), new RecordingEnd()];
  const hop = (end: RecordingEnd) => chain<NetworkServiceKind>([updatePath("next")], end);
  const channels = [
    new FakeChannel(hop(one), { target: "tcp://one:1" }),
    new FakeChannel(hop(two), { target: "tcp://two:2" }),
  ] as const;
  const pool = fakePool(channels);
  const choice: { url: string | undefined } = { url: "tcp://one:1" };
  const chooses: NetworkServiceElement = {
    name: "chooses",
    request: (ctx, request, next) => next.request(choice.url ? ctx.with(nextUrl, choice.url) : ctx, request),
    close: (ctx, connection, next) => next.close(choice.url ? ctx.with(nextUrl, choice.url) : ctx, connection),
  };
  const first = beginServer({ clock });
  const all = chain<NetworkServiceKind>([updatePath("us"), first, chooses, dialClient(pool)], callNextHop);
  const request = () => all.request(testContext({ clock }), requestOf({ id: "c" }));
  return { clock, one, two, channels, pool, choice, first, all, request };
}

test("a connection keeps a share in its channel while it lives", async () => {
  const { all, clock, pool, request } = setUp();
  const reply = await request();
  assert.deepEqual(pool.leases, ["tcp://one:1"]);
  await request();
  assert.deepEqual(pool.leases, ["tcp://one:1"]);
  await all.close(testContext({ clock }), reply);
  assert.deepEqual([pool.leases, clock.pendingTimers], [[], 0]);
});

test("a failed first request leaves no share", async () => {
  const { one, pool, request } = setUp();
  one.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "no"));
  await assert.rejects(request(), /no/);
  assert.deepEqual(pool.leases, []);
});

test("another next hop gets the request after the connection was closed at the old one", async () => {
  const { choice, one, two, pool, request } = setUp();
  await request();
  choice.url = "tcp://two:2";
  await request();
  assert.deepEqual([one.closes.length, two.requests.length, pool.leases], [1, 1, ["tcp://two:2"]]);
});

test("an old next hop that is gone does not keep the connection from a new one", async () => {
  const { channels, choice, two, pool, request } = setUp();
  await request();
  channels[0].unreachable = new CodedError("UNAVAILABLE", "gone");
  choice.url = "tcp://two:2";
  await request();
  assert.deepEqual([two.requests.length, pool.leases], [1, ["tcp://two:2"]]);
});

test("a close that nobody gives a direction goes where the connection is", async () => {
  const { all, choice, one, request } = setUp();
  const reply = await request();
  choice.url = undefined;
  await all.close(testContext(), reply);
  assert.equal(one.closes.length, 1);
});

test("a close that cannot reach the next hop still lets go of everything here", async () => {
  const { all, channels, first, pool, request } = setUp();
  const reply = await request();
  channels[0].unreachable = new CodedError("UNAVAILABLE", "gone");
  await all.close(testContext(), reply);
  assert.deepEqual([pool.leases, first.size], [[], 0]);
});

test("a next hop that does not answer in time is an error that names it", async () => {
  const { clock, channels, request } = setUp();
  channels[0].ready = (({ signal }: { signal: AbortSignal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))) as never;
  const failed = assert.rejects(request(), { code: "DEADLINE_EXCEEDED", message: /connecting to tcp:\/\/one:1/ });
  await clock.advance(750);
  await failed;
});

test("a reply for another path is an error of the next hop", async () => {
  const { one, request } = setUp();
  one.reply = (connection) => {
    for (const segment of connection.path?.pathSegments ?? []) segment.id = "forged";
    return connection;
  };
  await assert.rejects(request(), { code: "PROTOCOL", message: /tcp:\/\/one:1/ });
});

function realPool() {
  const clock = new FakeClock();
  const dialled: FakeChannel[] = [];
  const dial = (target: string): FakeChannel => {
    const channel = new FakeChannel(new RecordingEnd(), { target });
    dialled.push(channel);
    return channel;
  };
  return { clock, dialled, pool: channelPool({ dial, clock, identity: insecureIdentity({ name: "t" }), idleMs: 100 }) };
}

test("users of one URL share a channel", () => {
  const { dialled, pool } = realPool();
  assert.equal(pool.acquire("tcp://a:1").channel, pool.acquire("tcp://a:1").channel);
  assert.equal(dialled.length, 1);
});

test("a channel is closed some time after its last user left", async () => {
  const { clock, dialled, pool } = realPool();
  const lease = pool.acquire("tcp://a:1");
  lease.release();
  await clock.advance(99);
  pool.acquire("tcp://a:1").release();
  await clock.advance(99);
  assert.equal(dialled[0]?.closed, false);
  await clock.advance(1);
  assert.deepEqual([dialled[0]?.closed, pool.size, dialled.length], [true, 0, 1]);
});

test("releasing a share twice does not take another user's", async () => {
  const { clock, dialled, pool } = realPool();
  const lease = pool.acquire("tcp://a:1");
  pool.acquire("tcp://a:1");
  lease.release();
  lease.release();
  await clock.advance(1_000);
  assert.equal(dialled[0]?.closed, false);
});

test("a closed pool has closed its channels and opens no more", async () => {
  const { clock, dialled, pool } = realPool();
  const lease = pool.acquire("tcp://a:1");
  await pool.close();
  lease.release();
  assert.deepEqual([dialled[0]?.closed, clock.pendingTimers], [true, 0]);
  assert.throws(() => pool.acquire("tcp://a:1"), { code: "CLOSED" });
});

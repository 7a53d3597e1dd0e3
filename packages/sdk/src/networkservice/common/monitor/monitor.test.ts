import assert from "node:assert/strict";
import { test } from "node:test";
import { State } from "@nsmkit/api/networkservice";
import { CodedError, silentLogger } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { chain } from "../../../chain/chain.ts";
import { FakeChannel, fakePool } from "../../../testing/channel.ts";
import { connectionWith, RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import { cloneConnection } from "../../core/connection.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { clientUrl } from "../clienturl/client.ts";
import { callNextHop } from "../connect/end.ts";
import { dialClient } from "../dial/client.ts";
import { updatePath } from "../updatepath/element.ts";
import { monitorClient } from "./client.ts";
import { MonitorHub } from "./hub.ts";
import { monitorServer } from "./server.ts";
import { MonitorStreams } from "./streams.ts";

/** An nsmgr whose next hop is a forwarder in this process. */
function passThrough() {
  const clock = new FakeClock();
  const far = new RecordingEnd();
  const forwarder = chain<NetworkServiceKind>([updatePath("fwd")], far);
  const channel = new FakeChannel(forwarder);
  const hub = new MonitorHub();
  const states: string[] = [];
  const update = hub.update.bind(hub);
  hub.update = (connection) => {
    states.push(`${connection.id} ${State[connection.state]}`);
    update(connection);
  };
  const streams = new MonitorStreams({ name: "nsmgr", clock, logger: silentLogger });
  const all = chain<NetworkServiceKind>(
    [
      updatePath("nsmgr"),
      beginServer({ clock }),
      monitorServer(hub),
      clientUrl(channel.target),
      dialClient(fakePool([channel])),
      monitorClient(streams),
    ],
    callNextHop,
  );
  const request = (id: string) => {
    const pathSegments = [
      { name: "nsc", id },
      { name: "nsmgr", id: `${id}-m` },
      { name: "fwd", id: `${id}-f` },
    ];
    return all.request(testContext({ clock }), requestOf({ id, path: { pathSegments } }));
  };
  /** The connection as the forwarder tells of it. */
  const theirs = (id: string, state = State.UP) => {
    const pathSegments = [
      { name: "nsc", id },
      { name: "nsmgr", id: `${id}-m` },
      { name: "fwd", id: `${id}-f` },
    ];
    return connectionWith({ id: `${id}-f`, state, path: { index: 2, pathSegments } });
  };
  return { clock, far, channel, hub, states, streams, all, request, theirs };
}

test("watchers hear of a request that succeeded, and of the close", async () => {
  const { all, hub, request, states } = passThrough();
  const reply = await request("a");
  assert.deepEqual([states, hub.size], [["a-m UP"], 1]);
  await all.close(testContext(), reply);
  assert.equal(hub.size, 0);
});

test("a failed first request is no event", async () => {
  const { far, request, states } = passThrough();
  far.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "no"));
  await assert.rejects(request("a"));
  assert.deepEqual(states, []);
});

test("a refresh that fails tells watchers that the connection is down", async () => {
  const { far, request, states } = passThrough();
  await request("a");
  far.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "no"));
  await assert.rejects(request("a"));
  assert.deepEqual(states, ["a-m UP", "a-m DOWN"]);
});

test("an event of the next hop goes on under our id and index", async () => {
  const { channel, hub, request, states, theirs } = passThrough();
  await request("a");
  await settle();
  channel.hub.update(theirs("a", State.DOWN));
  await settle();
  assert.deepEqual(states, ["a-m UP", "a-m DOWN"]);
  assert.equal(hub.get("a-m")?.path?.index, 1);
});

test("a deletion at the next hop is a connection that is down", async () => {
  const { channel, request, states, theirs } = passThrough();
  channel.hub.update(theirs("a"));
  await request("a");
  await settle();
  channel.hub.remove(theirs("a"));
  await settle();
  assert.deepEqual(states, ["a-m UP", "a-m DOWN"]);
});

test("an event that changes nothing is not passed on", async () => {
  const { channel, hub, request, states, theirs } = passThrough();
  await request("a");
  await settle();
  const known = cloneConnection(theirs("a"));
  known.path = hub.get("a-m")?.path;
  if (known.path) known.path = { ...known.path, index: 2 };
  channel.hub.update(known);
  await settle();
  assert.deepEqual(states, ["a-m UP"]);
});

test("all connections over one channel share one stream, which ends some time after the last of them", async () => {
  const { clock, all, channel, request, streams } = passThrough();
  const replies = [await request("a"), await request("b"), await request("c")];
  await settle();
  assert.deepEqual([channel.streams, streams.size], [1, 1]);
  for (const reply of replies) await all.close(testContext({ clock }), reply);
  await clock.advance(1_000);
  assert.deepEqual([channel.streams, streams.size, clock.pendingTimers], [0, 0, 0]);
});

test("a broken stream takes all its connections down, and the next request opens another", async () => {
  const { channel, request, states } = passThrough();
  await request("a");
  await request("b");
  await settle();
  channel.breakStreams();
  await settle();
  assert.deepEqual(states.slice(2), ["a-m DOWN", "b-m DOWN"]);
  await request("a");
  await settle();
  assert.equal(channel.streams, 1);
});

test("a next hop that reports no events is not taken for one that is down", async () => {
  const { channel, request, states } = passThrough();
  channel.hub.watch = () => {
    throw new CodedError("UNSUPPORTED", "unimplemented");
  };
  await request("a");
  await settle();
  await settle();
  assert.deepEqual(states, ["a-m UP"]);
});

test("what the next hop says while a request is under way is left to the reply", async () => {
  const { channel, far, request, states, theirs } = passThrough();
  await request("a");
  await settle();
  const slow = Promise.withResolvers<void>();
  far.reply = async (connection) => {
    await slow.promise;
    return connection;
  };
  const refresh = request("a");
  await settle();
  channel.hub.update(theirs("a", State.DOWN));
  await settle();
  channel.hub.update(theirs("a"));
  await settle();
  slow.resolve();
  await refresh;
  await settle();
  assert.deepEqual(states, ["a-m UP", "a-m UP"]);
});

test("a deletion that overtakes the first reply is not lost", async () => {
  const { channel, far, request, states, theirs } = passThrough();
  channel.hub.update(theirs("a"));
  far.reply = async (connection) => {
    await settle();
    channel.hub.remove(theirs("a"));
    await settle();
    return connection;
  };
  await request("a");
  await settle();
  await settle();
  assert.deepEqual(states, ["a-m UP", "a-m DOWN"]);
});

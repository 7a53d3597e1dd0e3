import assert from "node:assert/strict";
import { test } from "node:test";
import { State } from "@nsmkit/api/networkservice";
import { CodedError, silentLogger } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { begun } from "../../../chain/begin.ts";
import { chain } from "../../../chain/chain.ts";
import { connectionWith, RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { beginClient } from "../../core/rules.ts";
import { type DownstreamEvent, tellListeners } from "../monitor/downstream.ts";
import { type HealOptions, healClient } from "./client.ts";

function setUp(options: Partial<HealOptions> = {}) {
  const clock = new FakeClock();
  const end = new RecordingEnd();
  const log: string[] = [];
  let tell: ((event: Partial<DownstreamEvent>) => void) | undefined;
  const hears: NetworkServiceElement = {
    name: "hears",
    request: (ctx, request, next) => {
      const { store } = begun(ctx);
      tell = (event) => tellListeners(store, { connection: connectionWith({ state: State.DOWN }), ...event });
      return next.request(ctx, request);
    },
  };
  const down = (_: unknown, reason: string) => void log.push(`down: ${reason}`);
  const healed = () => void log.push("healed");
  const heal = healClient({ clock, logger: silentLogger, backoff: { jitter: 0 }, down, healed, ...options });
  const first = beginClient({ clock });
  const all = chain<NetworkServiceKind>([first, heal, hears], end);
  const request = () =>
    all.request(testContext({ clock }), requestOf({ id: "c", networkServiceEndpointName: "nse-1" }));
  const event = async (what: Partial<DownstreamEvent> = {}) => {
    tell?.(what);
    await settle();
  };
  const reselected = () => end.requests.map(({ connection }) => connection?.state === State.RESELECT_REQUESTED);
  return { clock, end, log, first, all, request, event, reselected };
}

test("a connection that is reported down is closed and requested from any endpoint", async () => {
  const { end, event, log, request, reselected } = setUp();
  await request();
  await event();
  assert.deepEqual([end.closes.length, reselected(), log], [1, [false, true], ["down: reported down", "healed"]]);
});

test("while packets cross, the loss of the control plane leaves the endpoint as it is", async () => {
  const { end, event, log, request, reselected } = setUp({ livenessCheck: async () => true });
  await request();
  await event({ lost: new Error("gone") });
  assert.deepEqual([end.closes.length, reselected()], [0, [false, false]]);
  assert.deepEqual(log, ["down: the control plane went away", "healed"]);
});

test("when packets do not cross either, the endpoint is chosen anew", async () => {
  const { event, request, reselected } = setUp({ livenessCheck: async () => false, livenessIntervalMs: 1e9 });
  await request();
  await event({ lost: new Error("gone") });
  assert.deepEqual(reselected(), [false, true]);
});

test("an event that is not about going down does nothing", async () => {
  const { end, event, request } = setUp();
  await request();
  await event({ connection: connectionWith({ state: State.UP }) });
  assert.equal(end.requests.length, 1);
});

test("it goes on after growing pauses until it succeeds", async () => {
  const { clock, end, event, log, request } = setUp();
  await request();
  const at: number[] = [];
  end.reply = (connection) => {
    at.push(clock.now());
    if (clock.now() < 300) throw new CodedError("UNAVAILABLE", "not yet");
    return connection;
  };
  await event();
  await clock.advance(2_000);
  assert.deepEqual([at, log.at(-1)], [[0, 50, 150, 350], "healed"]);
});

test("events that come while it heals start nothing more", async () => {
  const { clock, end, event, log, request } = setUp();
  await request();
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "not yet"));
  await event();
  await event();
  assert.deepEqual([log, end.requests.length], [["down: reported down"], 2]);
  await clock.advance(49);
  assert.equal(end.requests.length, 2);
});

test("a request of the application that succeeds takes over", async () => {
  const { clock, end, event, log, request } = setUp();
  await request();
  const { reply } = end;
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "not yet"));
  await event();
  end.reply = reply;
  await request();
  const sofar = end.requests.length;
  await clock.advance(10_000);
  assert.deepEqual([end.requests.length, clock.pendingTimers, log.at(-1)], [sofar, 0, "healed"]);
});

test("close ends the healing", async () => {
  const { all, clock, end, event, first, request } = setUp();
  const reply = await request();
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "not yet"));
  await event();
  await all.close(testContext({ clock }), reply);
  const sofar = end.requests.length;
  await clock.advance(10_000);
  assert.deepEqual([end.requests.length, first.size, clock.pendingTimers], [sofar, 0, 0]);
});

test("a data plane that stops answering is noticed within one interval", async () => {
  let alive = true;
  const { clock, log, request, reselected } = setUp({ livenessCheck: async () => alive, livenessIntervalMs: 200 });
  await request();
  await clock.advance(1_000);
  assert.deepEqual(log, []);
  alive = false;
  await clock.advance(200);
  assert.deepEqual(reselected(), [false, true]);
  assert.equal(log[0], "down: the data plane does not answer");
});

test("a check that does not answer in time counts as no", async () => {
  const livenessCheck: HealOptions["livenessCheck"] = (_, { signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { clock, log, request } = setUp({ livenessCheck, livenessIntervalMs: 200, livenessTimeoutMs: 100 });
  await request();
  await clock.advance(299);
  assert.deepEqual(log, []);
  await clock.advance(1);
  assert.equal(log[0], "down: the data plane does not answer");
});

test("all connections are checked by one timer, which ends with the last of them", async () => {
  const { all, clock } = setUp({ livenessCheck: async () => true });
  const replies = [];
  for (const id of ["a", "b", "c"]) replies.push(await all.request(testContext({ clock }), requestOf({ id })));
  assert.equal(clock.pendingTimers, 1);
  for (const reply of replies) await all.close(testContext({ clock }), reply);
  assert.equal(clock.pendingTimers, 0);
});

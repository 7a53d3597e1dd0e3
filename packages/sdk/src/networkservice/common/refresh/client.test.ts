import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { chain } from "../../../chain/chain.ts";
import { connectionWith, RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import { timestampOf } from "../../core/connection.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { beginClient } from "../../core/rules.ts";
import { updatePath } from "../updatepath/element.ts";
import { refreshAfterMs, refreshClient } from "./client.ts";

const lifeMs = 600_000;

function setUp() {
  const clock = new FakeClock();
  const end = new RecordingEnd((connection) => {
    const { path } = connection;
    if (path) path.pathSegments = [...path.pathSegments.slice(0, 1), ...tail()];
    for (const segment of path?.pathSegments ?? []) segment.expires = timestampOf(clock.now() + lifeMs);
    return connection;
  });
  const tail = () => connectionWith({ path: { pathSegments: [{ name: "nsmgr", id: "m" }] } }).path?.pathSegments ?? [];
  const refresh = refreshClient({ jitter: 0, random: () => 1, backoff: { jitter: 0 } });
  const first = beginClient({ clock });
  const all = chain<NetworkServiceKind>([updatePath("nsc"), first, refresh], end);
  return { clock, end, first, all, request: () => all.request(testContext({ clock }), requestOf({ id: "c" })) };
}

test("a connection is requested again after a fifth of its tokens' life, with all that is known of it", async () => {
  const { clock, end, request } = setUp();
  await request();
  await clock.advance(lifeMs / 5 - 1);
  assert.equal(end.requests.length, 1);
  await clock.advance(1);
  assert.equal(end.requests.length, 2);
  assert.deepEqual(
    end.requests[1]?.connection?.path?.pathSegments.map(({ name }) => name),
    ["nsc", "nsmgr"],
  );
});

test("it goes on for as long as the connection lives", async () => {
  const { clock, end, request } = setUp();
  await request();
  await clock.advance(lifeMs * 2);
  assert.equal(end.requests.length, 11);
  assert.equal(clock.pendingTimers, 1);
});

test("a failed refresh is repeated after growing pauses, not in a hot loop", async () => {
  const { clock, end, request } = setUp();
  await request();
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "gone"));
  const at: number[] = [];
  end.request = async () => {
    at.push(clock.now() - lifeMs / 5);
    throw new CodedError("UNAVAILABLE", "gone");
  };
  await clock.advance(lifeMs / 5 + 20_000);
  assert.deepEqual(at, [0, 200, 600, 1_400, 3_000, 6_200, 12_600]);
});

test("a refresh that succeeds again returns to the normal interval", async () => {
  const { clock, end, request } = setUp();
  await request();
  const { reply } = end;
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "gone"));
  await clock.advance(lifeMs / 5);
  end.reply = reply;
  await clock.advance(200);
  assert.equal(end.requests.length, 3);
  await clock.advance(lifeMs / 5 - 1);
  assert.equal(end.requests.length, 3);
  await clock.advance(1);
  assert.equal(end.requests.length, 4);
});

test("a request of the application drops the refresh that waits behind it", async () => {
  const { clock, end, request } = setUp();
  await request();
  const slow = Promise.withResolvers<void>();
  const { reply } = end;
  end.reply = async (connection, ctx) => {
    await slow.promise;
    return reply(connection, ctx);
  };
  const again = request();
  await clock.advance(lifeMs / 5);
  slow.resolve();
  await again;
  await settle();
  assert.deepEqual([end.requests.length, clock.pendingTimers], [2, 1]);
});

test("close ends it", async () => {
  const { clock, all, request } = setUp();
  const reply = await request();
  await all.close(testContext({ clock }), reply);
  assert.equal(clock.pendingTimers, 0);
});

const withPath = (index: number, expires: readonly (number | undefined)[]) =>
  connectionWith({
    path: {
      index,
      pathSegments: expires.map((ms) => ({
        name: "n",
        id: "i",
        ...(ms !== undefined && { expires: timestampOf(ms) }),
      })),
    },
  });

test("the first token to expire decides, and hops further down wait longer", () => {
  assert.equal(refreshAfterMs(withPath(0, [900_000, 600_000]), 0), 120_000);
  assert.equal(refreshAfterMs(withPath(1, [600_000, 600_000]), 0), 180_000);
  assert.equal(refreshAfterMs(withPath(0, [600_000]), 0), 200_000);
});

test("an expired token gives a short pause, and no expiry at all none", () => {
  assert.equal(refreshAfterMs(withPath(0, [1_000, 2_000]), 5_000), 100);
  assert.equal(refreshAfterMs(withPath(0, [undefined]), 0), Number.POSITIVE_INFINITY);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { State } from "@nsmkit/api/networkservice";
import { settle } from "@nsmkit/core/testing";
import { begun } from "../../../chain/begin.ts";
import { chain } from "../../../chain/chain.ts";
import type { Store } from "../../../chain/key.ts";
import { connectionWith, RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { beginClient } from "../../core/rules.ts";
import { tellListeners } from "../monitor/downstream.ts";
import { upstreamRefreshClient } from "./client.ts";

test("an event that asks for a refresh causes one plain request, any other event none", async () => {
  let store: Store | undefined;
  const end = new RecordingEnd((connection, ctx) => {
    store = begun(ctx).store;
    return connection;
  });
  const all = chain<NetworkServiceKind>([beginClient(), upstreamRefreshClient()], end);
  await all.request(testContext(), requestOf({ id: "c" }));
  assert.ok(store);
  for (const state of [State.UP, State.DOWN, State.REFRESH_REQUESTED]) {
    tellListeners(store, { connection: connectionWith({ state }) });
    await settle();
  }
  assert.deepEqual([end.requests.length, end.requests[1]?.connection?.state, end.closes.length], [2, State.UP, 0]);
});

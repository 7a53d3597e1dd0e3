import assert from "node:assert/strict";
import { test } from "node:test";
import { chain } from "../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { updatePath } from "../updatepath/element.ts";
import { trimPathServer } from "./server.ts";

test("an endpoint cuts what an earlier, longer path left behind its segment", async () => {
  const all = chain<NetworkServiceKind>([updatePath("nse"), trimPathServer()], new RecordingEnd());
  const names = ["nsc", "nse", "old", "older"];
  const pathSegments = names.map((name) => ({ name, id: name }));
  const reply = await all.request(testContext(), requestOf({ id: "nsc", path: { index: 0, pathSegments } }));
  assert.deepEqual(
    reply.path?.pathSegments.map(({ name }) => name),
    ["nsc", "nse"],
  );
});

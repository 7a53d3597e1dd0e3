import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordingLogger } from "@nsmkit/core/testing";
import { chain } from "../../../chain/chain.ts";
import type { Context } from "../../../chain/context.ts";
import { FakeChannel } from "../../../testing/channel.ts";
import { fakeCall, RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import { timestampMs } from "../../core/connection.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { nextHop, outgoingMetadata } from "../dial/nexthop.ts";
import { updatePath } from "../updatepath/element.ts";
import { updateTokenClient } from "./client.ts";
import { readToken, tokenExpiresKey, tokenKey, writeToken } from "./metadata.ts";
import { updateTokenServer } from "./server.ts";

const identity = {
  token: async (peer: { spiffeId?: string }) => ({ token: `for ${peer.spiffeId ?? "nobody"}`, expiresMs: 90_000 }),
};
const clientPath = { index: 0, pathSegments: [{ name: "nsc", id: "c" }] };

async function serve(ctx: Context, end = new RecordingEnd()) {
  const all = chain<NetworkServiceKind>([updatePath("nsmgr"), beginServer(), updateTokenServer(identity)], end);
  await all.request(ctx, requestOf({ id: "c", path: clientPath }));
  return end.requests[0]?.connection?.path?.pathSegments ?? [];
}

test("the caller's token goes into its segment, and one made for the caller into ours", async () => {
  const metadata = { [tokenKey]: ["callers"], [tokenExpiresKey]: ["1970-01-01T00:01:00.5Z"] };
  const [caller, own] = await serve(
    testContext({ call: fakeCall({ metadata, peer: { spiffeId: "spiffe://td/nsc" } }) }),
  );
  assert.deepEqual([caller?.token, caller?.expires && timestampMs(caller.expires)], ["callers", 60_500]);
  assert.deepEqual([own?.token, own?.expires && timestampMs(own.expires)], ["for spiffe://td/nsc", 90_000]);
});

test("a caller that claims more time than its token has gets the token's", async () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "none" })}.${part({ sub: "spiffe://td/nsc", exp: 30 })}.`;
  const metadata = { [tokenKey]: [token], [tokenExpiresKey]: ["2100-01-01T00:00:00Z"] };
  const [caller] = await serve(testContext({ call: fakeCall({ metadata }) }));
  assert.equal(caller?.expires && timestampMs(caller.expires), 30_000);
});

test("a caller without token is let through as it is", async () => {
  const [caller, own] = await serve(testContext({ call: fakeCall() }));
  assert.deepEqual([caller?.token, caller?.expires, own?.token], ["", undefined, "for nobody"]);
});

test("a caller with broken token metadata is let through without, and that is logged", async () => {
  const logger = new RecordingLogger();
  const metadata = { [tokenKey]: ["a", "b"], [tokenExpiresKey]: ["1970-01-01T00:01:00Z"] };
  const [caller] = await serve(testContext({ logger, call: fakeCall({ metadata }) }));
  assert.equal(caller?.token, "");
  assert.deepEqual(
    logger.lines.map(({ message }) => message),
    ["caller sent no usable token"],
  );
});

test("a client sends a token made for the next hop and puts it into its own segment", async () => {
  const end = new RecordingEnd();
  const channel = new FakeChannel(end, { peer: { spiffeId: "spiffe://td/nsmgr" } });
  const dialled: NetworkServiceElement = {
    name: "dial",
    request: (ctx, request, next) =>
      next.request(ctx.with(nextHop, { url: channel.target, channel, peer: channel.peer }), request),
  };
  const all = chain<NetworkServiceKind>([updatePath("nsc"), dialled, updateTokenClient(identity)], end);
  await all.request(testContext(), requestOf({ id: "c" }));
  const metadata = await end.contexts[0]?.get(outgoingMetadata)?.(channel.peer);
  assert.deepEqual(metadata?.get(tokenKey), ["for spiffe://td/nsmgr"]);
  assert.deepEqual(metadata?.get(tokenExpiresKey), ["1970-01-01T00:01:30.000Z"]);
  assert.equal(end.requests[0]?.connection?.path?.pathSegments[0]?.token, "for spiffe://td/nsmgr");
});

test("token metadata reads back what was written", () => {
  const token = { token: "a.b.c", expiresMs: 1_700_000_000_123 };
  assert.deepEqual(readToken(new Map(writeToken(token))), token);
});

for (const [what, metadata] of [
  ["a token without a time", { [tokenKey]: ["t"] }],
  ["a time without a token", { [tokenExpiresKey]: ["1970-01-01T00:01:00Z"] }],
  ["two times", { [tokenKey]: ["t"], [tokenExpiresKey]: ["1970-01-01T00:01:00Z", "1970-01-01T00:01:00Z"] }],
  ["a time of another form", { [tokenKey]: ["t"], [tokenExpiresKey]: ["in a minute"] }],
  ["a day that does not exist", { [tokenKey]: ["t"], [tokenExpiresKey]: ["1970-13-01T00:01:00Z"] }],
] as const)
  test(`${what} is no token`, () => {
    assert.throws(() => readToken(new Map(Object.entries(metadata))), { code: "PROTOCOL" });
  });

test("nanoseconds and zones of RFC 3339 are read", () => {
  const read = (time: string) =>
    readToken(
      new Map([
        [tokenKey, ["t"]],
        [tokenExpiresKey, [time]],
      ]),
    )?.expiresMs;
  assert.equal(read("1970-01-01T01:00:01.123456789+01:00"), 1_123);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { chain } from "../../../chain/chain.ts";
import { connectionWith, RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { beginClient } from "../../core/rules.ts";
import { excludedPrefixesClient } from "./client.ts";

function setUp(group?: (service: string) => string | undefined) {
  let at = 0;
  const end = new RecordingEnd((connection) => {
    const { ipContext } = connection.context ?? {};
    if (ipContext && ipContext.srcIpAddrs.length === 0) {
      ipContext.dstIpAddrs.push(`10.0.0.${at++}/32`);
      ipContext.srcIpAddrs.push(`10.0.0.${at++}/32`);
    }
    return connection;
  });
  const element = excludedPrefixesClient(group ? { group: ({ networkService }) => group(networkService) } : {});
  const all = chain<NetworkServiceKind>([beginClient(), element], end);
  const ask = (id: string, networkService = id) => all.request(testContext(), requestOf({ id, networkService }));
  const excluded = (call: number) => end.requests[call]?.connection?.context?.ipContext?.excludedPrefixes;
  return { all, ask, end, excluded };
}

test("addresses of the other connections are excluded, as few prefixes, and not kept in the connection", async () => {
  const { ask, excluded } = setUp();
  await ask("a");
  await ask("b");
  const reply = await ask("c");
  assert.deepEqual([excluded(0), excluded(1), excluded(2)], [[], ["10.0.0.0/31"], ["10.0.0.0/30"]]);
  assert.deepEqual(reply.context?.ipContext?.excludedPrefixes, []);
});

test("a refresh does not exclude the connection's own addresses", async () => {
  const { all, ask, excluded } = setUp();
  const reply = await ask("a");
  await ask("b");
  await all.request(testContext(), requestOf(reply));
  assert.deepEqual(excluded(2), ["10.0.0.2/31"]);
  await ask("c");
  assert.deepEqual(excluded(3), ["10.0.0.0/30"]);
});

test("a closed connection's addresses are free again", async () => {
  const { all, ask, excluded } = setUp();
  await all.close(testContext(), await ask("a"));
  await ask("b");
  assert.deepEqual(excluded(1), []);
});

test("connections of one group may share addresses, others not with them", async () => {
  const { ask, excluded } = setUp((service) => (service === "c" ? undefined : "together"));
  for (const service of ["a", "b", "c"]) await ask(service);
  assert.deepEqual([excluded(1), excluded(2)], [[], ["10.0.0.0/30"]]);
});

test("a reply with an address in use is refused and closed", async () => {
  const { ask, end } = setUp();
  await ask("a");
  end.reply = ({ id }) => connectionWith({ id, context: { ipContext: { srcIpAddrs: ["10.0.0.1/24"] } } });
  await assert.rejects(ask("b"), { code: "CONFLICT", message: /"b" got 10\.0\.0\.1\/32/ });
  assert.equal(end.closes.length, 1);
});

test("a failed refresh leaves the connection's addresses in use", async () => {
  const { ask, end, excluded } = setUp();
  await ask("a");
  const { reply } = end;
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "no"));
  await assert.rejects(ask("a"));
  end.reply = reply;
  await ask("b");
  assert.deepEqual(excluded(2), ["10.0.0.0/31"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { State } from "@nsmkit/api/networkservice";
import { NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import { CodedError } from "@nsmkit/core";
import { chain } from "../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { nextUrl } from "../dial/nexthop.ts";
import { discoverForwarderServer, fittingForwarders } from "./server.ts";

const service = (matches: MessageInitShape<typeof NetworkServiceSchema>["matches"] = []) =>
  create(NetworkServiceSchema, { name: "web", payload: "ETHERNET", matches });
const forwarder = (name: string, labels: Record<string, string> = { p2p: "true" }) =>
  create(NetworkServiceEndpointSchema, {
    name,
    url: `unix:///${name}`,
    networkServiceNames: ["forwarder"],
    networkServiceLabels: { forwarder: { labels } },
  });
const nodes = [forwarder("fwd-a"), forwarder("fwd-b")];

function setUp(forwarders = [...nodes]) {
  const end = new RecordingEnd();
  const discovery = { networkService: async (name: string) => (name === "web" ? service() : undefined) };
  const element = discoverForwarderServer({ discovery, forwarders: async () => forwarders });
  const all = chain<NetworkServiceKind>([beginServer(), element], end);
  const ask = (init: Parameters<typeof requestOf>[0] = {}) =>
    all.request(testContext(), requestOf({ id: "c", networkService: "web", ...init }));
  const urls = () => end.contexts.map((ctx) => ctx.get(nextUrl));
  return { all, ask, end, forwarders, urls };
}
const failing = (name: string) => (end: RecordingEnd) => {
  end.reply = (connection, ctx) => {
    if (ctx.get(nextUrl) === `unix:///${name}`) throw new CodedError("UNAVAILABLE", `${name} is down`);
    return connection;
  };
};

test("the first forwarder that succeeds gets the connection and keeps it", async () => {
  const { ask, end, urls } = setUp();
  failing("fwd-a")(end);
  await ask();
  await ask();
  assert.deepEqual(urls(), ["unix:///fwd-a", "unix:///fwd-b", "unix:///fwd-b"]);
});

test("the forwarder that the path names goes first", async () => {
  const { ask, urls } = setUp();
  const pathSegments = [
    { name: "nsmgr", id: "c" },
    { name: "fwd-b", id: "x" },
  ];
  await ask({ path: { pathSegments } });
  assert.deepEqual(urls(), ["unix:///fwd-b"]);
});

test("reselection forgets the forwarder, and the one that the path names", async () => {
  const { ask, end, urls } = setUp();
  failing("fwd-a")(end);
  const pathSegments = [
    { name: "nsmgr", id: "c" },
    { name: "fwd-b", id: "x" },
  ];
  await ask({ path: { pathSegments } });
  end.reply = (connection) => connection;
  await ask({ state: State.RESELECT_REQUESTED, path: { pathSegments } });
  assert.deepEqual(urls(), ["unix:///fwd-b", "unix:///fwd-a"]);
});

test("a chosen forwarder that is gone is an error that names it", async () => {
  const { ask, forwarders } = setUp();
  await ask();
  forwarders.shift();
  await assert.rejects(ask(), { code: "UNAVAILABLE", message: /forwarder "fwd-a"/ });
});

test("when all forwarders fail, the error says so for each", async () => {
  const { ask, end } = setUp();
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "no"));
  await assert.rejects(ask(), { code: "UNAVAILABLE", message: /fwd-a: no; fwd-b: no/ });
});

test("a node without forwarder, and a service that nobody registered, are not found", async () => {
  await assert.rejects(setUp([]).ask(), { code: "NOT_FOUND", message: /no forwarder is registered/ });
  await assert.rejects(setUp().ask({ networkService: "db" }), { code: "NOT_FOUND", message: /"db"/ });
});

test("close goes to the forwarder that has the connection, and on without one", async () => {
  const { all, ask, end, forwarders } = setUp();
  let closedAt: string | undefined;
  end.close = async (ctx) => {
    closedAt = ctx.get(nextUrl);
  };
  await all.close(testContext(), await ask());
  assert.equal(closedAt, "unix:///fwd-a");
  const reply = await ask();
  forwarders.length = 0;
  await all.close(testContext(), reply);
  assert.equal(closedAt, undefined);
});

const fitting = (matches: Parameters<typeof service>[0], labels: Record<string, string> = {}) =>
  fittingForwarders(
    labels,
    service(matches),
    [forwarder("p2p"), forwarder("sriov", { sriov: "true" })],
    "forwarder",
  ).map(({ name }) => name);

test("a match without metadata wants a point-to-point forwarder, one with metadata what it says", () => {
  assert.deepEqual(fitting([]), ["p2p", "sriov"]);
  assert.deepEqual(fitting([{}]), ["p2p"]);
  assert.deepEqual(fitting([{ metadata: { labels: { sriov: "true" } } }]), ["sriov"]);
});

test("the first match for the client decides, unless it falls through", () => {
  const matches: Parameters<typeof service>[0] = [
    { sourceSelector: { app: "db" }, metadata: { labels: { sriov: "true" } } },
    { metadata: { labels: { none: "true" } }, fallthrough: true },
    {},
  ];
  assert.deepEqual(fitting(matches, { app: "db" }), ["sriov"]);
  assert.deepEqual(fitting(matches, { app: "web" }), ["p2p"]);
});

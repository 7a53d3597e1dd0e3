import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { DNSConfigSchema } from "@nsmkit/api/networkservice";
import { chain } from "../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../testing/elements.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../core/kind.ts";
import { clientInfo } from "./clientinfo/server.ts";
import { dnsContextServer } from "./dnscontext/server.ts";
import { excludedPrefixesServer } from "./excludedprefixes/server.ts";

const through = (element: NetworkServiceElement, init: Parameters<typeof requestOf>[0]) =>
  chain<NetworkServiceKind>([element], new RecordingEnd()).request(testContext(), requestOf(init));

test("labels are filled in where the client sent none", async () => {
  const reply = await through(clientInfo({ nodeName: "n1", podName: "p1" }), { labels: { podName: "mine" } });
  assert.deepEqual({ ...reply.labels }, { nodeName: "n1", podName: "mine" });
});

test("a client cannot change what objects are made of by a label's name", async () => {
  const labels = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  const reply = await through(clientInfo({ nodeName: "n1" }), { labels });
  assert.equal(reply.labels.nodeName, "n1");
  assert.equal(({} as Record<string, unknown>).x, undefined);
});

test("DNS configurations are added once, after those that are there", async () => {
  const ours = create(DNSConfigSchema, { dnsServerIps: ["10.0.0.53"], searchDomains: ["web.example"] });
  const element = dnsContextServer([ours]);
  const first = await through(element, { context: { dnsContext: { configs: [{ dnsServerIps: ["1.1.1.1"] }] } } });
  const again = await through(element, first);
  assert.deepEqual(
    again.context?.dnsContext?.configs.map(({ dnsServerIps }) => dnsServerIps),
    [["1.1.1.1"], ["10.0.0.53"]],
  );
});

test("the cluster's prefixes are added to the client's, each once, as they are at that moment", async () => {
  let prefixes = ["10.96.0.0/12"];
  const element = excludedPrefixesServer(() => prefixes);
  const init = { context: { ipContext: { excludedPrefixes: ["192.0.2.0/24", "10.96.0.0/12"] } } };
  const first = await through(element, init);
  prefixes = ["10.244.0.0/16"];
  const second = await through(element, init);
  assert.deepEqual(first.context?.ipContext?.excludedPrefixes, ["192.0.2.0/24", "10.96.0.0/12"]);
  assert.deepEqual(second.context?.ipContext?.excludedPrefixes, ["192.0.2.0/24", "10.96.0.0/12", "10.244.0.0/16"]);
});

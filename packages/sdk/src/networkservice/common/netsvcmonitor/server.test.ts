import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type NetworkService, NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import { settle } from "@nsmkit/core/testing";
import { chain } from "../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { netsvcMonitorServer } from "./server.ts";

const service = (color: string) =>
  create(NetworkServiceSchema, { name: "web", matches: [{ routes: [{ destinationSelector: { color } }] }] });

async function connected() {
  const listeners = new Set<(changed: NetworkService | undefined) => void>();
  const end = new RecordingEnd();
  const endpoint = create(NetworkServiceEndpointSchema, {
    name: "nse-1",
    networkServiceLabels: { web: { labels: { color: "blue" } } },
  });
  const monitor = netsvcMonitorServer({
    endpoint: async () => endpoint,
    watchNetworkService: (_, changed) => {
      listeners.add(changed);
      return { [Symbol.dispose]: () => void listeners.delete(changed) };
    },
  });
  const first = beginServer();
  const all = chain<NetworkServiceKind>([first, monitor], end);
  const ask = () =>
    all.request(testContext(), requestOf({ id: "c", networkService: "web", networkServiceEndpointName: "nse-1" }));
  const reply = await ask();
  const change = async (to: NetworkService | undefined): Promise<void> => {
    for (const listener of [...listeners]) listener(to);
    await settle();
  };
  return { all, ask, change, end, first, listeners, reply };
}

test("a connection is closed when its service changes so that the endpoint no longer fits", async () => {
  const { change, end, first, listeners } = await connected();
  await change(service("red"));
  assert.deepEqual([end.closes.length, first.size, listeners.size], [1, 0, 0]);
});

test("a change that leaves the endpoint fitting, and a deletion of the service, close nothing", async () => {
  const { change, end } = await connected();
  await change(service("blue"));
  await change(undefined);
  assert.equal(end.closes.length, 0);
});

test("a refresh listens no second time, and close stops listening", async () => {
  const { all, ask, listeners, reply } = await connected();
  await ask();
  assert.equal(listeners.size, 1);
  await all.close(testContext(), reply);
  assert.equal(listeners.size, 0);
});

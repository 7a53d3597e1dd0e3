import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { SideCounters } from "@nsmkit/agent/crossconnect";
import { ConnectionSchema } from "@nsmkit/api/networkservice";
import { Registry } from "prom-client";
import { type MetricsSource, registerConnectionMetrics } from "./metrics.ts";

async function connectionMetrics(source: MetricsSource, prefix?: string): Promise<Registry> {
  const registry = new Registry();
  await registerConnectionMetrics(registry, source, prefix);
  return registry;
}

const connection = create(ConnectionSchema, {
  id: "c1",
  networkService: "web",
  path: { index: 2, pathSegments: [{ name: "nsc", id: "nsc-0" }] },
});
const side = (of: "client" | "server", factor: number): SideCounters => ({
  side: of,
  interface: `${of}-if`,
  rxBytes: factor,
  txBytes: 2 * factor,
  rxPackets: 3 * factor,
  txPackets: 4 * factor,
  drops: 5 * factor,
});
const ours = (text: string): string[] => text.split("\n").filter((line) => /^(x_)?(client|server)_/.test(line));

test("a connection has ten counters with its labels", async () => {
  const registry = await connectionMetrics({
    connections: () => [connection],
    counters: async () => new Map([["c1", [side("client", 1), side("server", 10)]]]),
  });
  const labels = `connection_id="c1",network_service="web",nsc="nsc-0",nsc_interface="KERNEL/client-if",nse_interface="KERNEL/server-if"`;
  assert.deepEqual(ours(await registry.metrics()), [
    `client_rx_bytes_total{${labels}} 1`,
    `client_tx_bytes_total{${labels}} 2`,
    `client_rx_packets_total{${labels}} 3`,
    `client_tx_packets_total{${labels}} 4`,
    `client_drops_total{${labels}} 5`,
    `server_rx_bytes_total{${labels}} 10`,
    `server_tx_bytes_total{${labels}} 20`,
    `server_rx_packets_total{${labels}} 30`,
    `server_tx_packets_total{${labels}} 40`,
    `server_drops_total{${labels}} 50`,
  ]);
});

test("across nodes only the side of this node is told", async () => {
  const registry = await connectionMetrics({
    connections: () => [connection],
    counters: async () => new Map([["c1", [side("client", 1)]]]),
  });
  const lines = ours(await registry.metrics());
  assert.equal(lines.length, 5);
  for (const line of lines) assert.match(line, /^client_.*nsc_interface="KERNEL\/client-if",nse_interface=""/);
});

test("a connection that is closed disappears, counters follow the kernel, and one scrape is one look at it", async () => {
  let [looks, factor, connections] = [0, 1, [connection]];
  const registry = await connectionMetrics(
    {
      connections: () => connections,
      counters: async () => {
        looks++;
        return new Map([["c1", [side("client", factor)]]]);
      },
    },
    "x",
  );
  assert.match(ours(await registry.metrics())[0] ?? "", /^x_client_rx_bytes_total.* 1$/);
  factor = 7;
  assert.match(ours(await registry.metrics())[0] ?? "", /^x_client_rx_bytes_total.* 7$/);
  assert.equal(looks, 2);
  connections = [];
  assert.deepEqual(ours(await registry.metrics()), []);
});

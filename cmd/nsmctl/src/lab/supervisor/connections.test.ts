import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ConnectionSchema } from "@nsmkit/api/networkservice";
import { joinConnections, type PodInterfaces } from "./connections.ts";

const view = (segments: readonly string[], mechanism: { cls: string; type: string }) =>
  create(ConnectionSchema, {
    id: segments.at(-1) ?? "",
    networkService: "chain",
    payload: "IP",
    mechanism,
    path: { pathSegments: segments.map((id) => ({ id })) },
  });
const pods: PodInterfaces[] = [
  {
    pod: "client",
    interfaces: [
      { name: "tap0", up: true, mtu: 1500, addresses: ["10.0.0.1/24"], mark: { connectionId: "f1", side: "client" } },
    ],
  },
  {
    pod: "web",
    interfaces: [
      { name: "tap0", up: true, mtu: 1500, addresses: ["10.0.0.2/24"], mark: { connectionId: "f2", side: "server" } },
    ],
  },
];

test("a connection that two managers know is one, with the mechanism between the nodes", () => {
  const connections = joinConnections(
    [
      view(["c", "m1", "f1", "m2", "f2", "e"], { cls: "LOCAL", type: "KERNEL" }),
      view(["c", "m1", "f1", "m2"], { cls: "REMOTE", type: "VXLAN" }),
    ],
    pods,
  );
  assert.deepEqual(connections, [
    {
      id: "c",
      networkService: "chain",
      payload: "IP",
      mechanism: "VXLAN",
      state: "UP",
      client: { pod: "client", interface: "tap0", addresses: ["10.0.0.1/24"] },
      endpoint: { pod: "web", interface: "tap0", addresses: ["10.0.0.2/24"] },
    },
  ]);
});

test("an end in no Pod of the lab is left open", () => {
  const [connection] = joinConnections([view(["x", "y"], { cls: "LOCAL", type: "KERNEL" })], pods);
  assert.deepEqual([connection?.client, connection?.endpoint], [{ addresses: [] }, { addresses: [] }]);
});

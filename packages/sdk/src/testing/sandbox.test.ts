import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CodedError } from "@nsmkit/core";
import type { ClientConnection } from "../client/api.ts";
import { connectionTo } from "./bare-client.ts";
import { sandbox } from "./sandbox.ts";
import { until } from "./until.ts";

const cidrs = ["172.16.0.0/16"];
const namesOf = ({ connection }: ClientConnection): string[] =>
  connection.path?.pathSegments.map(({ name }) => name) ?? [];

test("a connection on one node passes client, nsmgr, forwarder and endpoint", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  assert.deepEqual(namesOf(connection), ["nsc", "nsmgr-0", "forwarder-0", "web-1"]);
  assert.deepEqual([connection.addresses, connection.peerAddresses], [["172.16.0.1/32"], ["172.16.0.0/32"]]);
  assert.equal(connection.interfaceName, "nsm-1");
  assert.equal(connection.connection.payload, "ETHERNET");
});

test("the forwarder joins the two namespaces by paths that work in its process", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  await mesh.node.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  const [joined] = mesh.node.forwarder.crossConnector.connected.values();
  const client = joined?.client.mechanism;
  const server = joined?.server.mechanism;
  assert.deepEqual([client?.type, client?.parameters.name], ["KERNEL", "nsm-1"]);
  assert.match(client?.parameters.inodeURL ?? "", /^file:\/\/\/proc\/\d+\/fd\/\d+$/);
  assert.equal(server?.type, "KERNEL");
  assert.match(server?.parameters.inodeURL ?? "", /^file:\/\/\/proc\/\d+\/fd\/\d+$/);
  assert.match(server?.parameters.name ?? "", /^web-[0-9A-Za-z]{11}$/);
});

test("a connection between two nodes passes both nsmgrs and both forwarders, over VXLAN", async () => {
  await using mesh = await sandbox({ nodes: 2 });
  const [near, far] = mesh.nodes;
  assert.ok(near && far);
  await far.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await near.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  assert.deepEqual(namesOf(connection), ["nsc", "nsmgr-0", "forwarder-0", "nsmgr-1", "forwarder-1", "web-1"]);
  const [here] = near.forwarder.crossConnector.connected.values();
  const [there] = far.forwarder.crossConnector.connected.values();
  const { src_ip, dst_ip, dst_port, vni } = here?.server.mechanism.parameters ?? {};
  assert.deepEqual([src_ip, dst_ip, dst_port], ["10.0.0.1", "10.0.0.2", "4789"]);
  assert.equal(Number(vni) % 2, 0);
  assert.deepEqual(there?.client.mechanism.parameters, here?.server.mechanism.parameters);
  assert.equal(there?.server.mechanism.type, "KERNEL");
});

test("the far forwarder's death heals across nodes too", async () => {
  await using mesh = await sandbox({ nodes: 2 });
  const [near, far] = mesh.nodes;
  assert.ok(near && far);
  await far.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await near.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  await far.forwarder.kill();
  await until("the client hears of it", () => connection.state === "down");
  await far.restartForwarder();
  await until("the connection is healed", () => connection.state === "up");
  const [here] = near.forwarder.crossConnector.connected.values();
  const [there] = far.forwarder.crossConnector.connected.values();
  assert.equal(here?.server.mechanism.parameters.vni, there?.client.mechanism.parameters.vni);
});

test("close leaves nothing at any hop and gives the addresses back", async () => {
  await using mesh = await sandbox({ nodes: 2 });
  const [near, far] = mesh.nodes;
  assert.ok(near && far);
  const web = await far.endpoint({ name: "web-1", services: ["web"], cidrs });
  const nsc = near.client({ name: "nsc" });
  const first = await nsc.connect("kernel://web/nsm-1");
  await first.close();
  assert.deepEqual([mesh.connections, web.connections.length], [0, 0]);
  assert.equal(near.forwarder.crossConnector.connected.size + far.forwarder.crossConnector.connected.size, 0);
  const second = await nsc.connect("kernel://web/nsm-1");
  assert.deepEqual(second.addresses, first.addresses);
});

test("a connection outlives its tokens, because the client refreshes it", async () => {
  await using mesh = await sandbox({ tokenLifeMs: 2_000 });
  const closed: string[] = [];
  const onDisconnect = ({ id }: { id: string }) => void closed.push(id);
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs, onDisconnect });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  const { connects } = mesh.node.forwarder.crossConnector;
  await sleep(4_000);
  assert.deepEqual([connection.state, closed.length], ["up", 0]);
  assert.ok(mesh.node.forwarder.crossConnector.connects - connects >= 2);
});

test("a connection whose client died expires at every hop", async () => {
  await using mesh = await sandbox({ tokenLifeMs: 2_000 });
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const nsc = mesh.node.bareClient("nsc");
  await nsc.request(connectionTo("web"));
  assert.deepEqual([mesh.connections, web.connections.length], [2, 1]);
  await nsc.close();
  await until("the connection expires", () => mesh.connections + web.connections.length === 0);
  assert.equal(mesh.node.forwarder.crossConnector.connected.size, 0);
});

test("an endpoint that is closed in order hands its clients to another one", async () => {
  await using mesh = await sandbox();
  const first = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs: ["10.1.0.0/24"] });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  const healed = Promise.withResolvers<void>();
  connection.on("healed", () => healed.resolve());
  await mesh.node.endpoint({ name: "web-2", services: ["web"], cidrs: ["10.2.0.0/24"] });
  await first.close();
  await healed.promise;
  assert.deepEqual([namesOf(connection).at(-1), connection.addresses], ["web-2", ["10.2.0.1/32"]]);
});

test("an endpoint that is killed loses its clients to another one, though it is still registered", async () => {
  await using mesh = await sandbox();
  const first = await mesh.node.mortalEndpoint({ name: "web-1", service: "web", cidrs: ["10.1.0.0/24"] });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  await mesh.node.endpoint({ name: "web-2", services: ["web"], cidrs: ["10.2.0.0/24"] });
  const killed = performance.now();
  await first.kill();
  await until("the connection is healed", () => connection.addresses[0] === "10.2.0.1/32");
  assert.ok(performance.now() - killed < 1_000);
  assert.deepEqual(
    [namesOf(connection).at(-1), connection.addresses, connection.state],
    ["web-2", ["10.2.0.1/32"], "up"],
  );
});

test("an endpoint that is killed and started again gets its clients back, with the addresses they had", async () => {
  await using mesh = await sandbox();
  const options = { name: "web-1", service: "web", cidrs };
  const first = await mesh.node.mortalEndpoint(options);
  const nsc = mesh.node.client({ name: "nsc" });
  const connections = [await nsc.connect("kernel://web"), await nsc.connect("kernel://web")];
  const addresses = connections.map((connection) => connection.addresses);
  await first.kill();
  await until("the client hears of it", () => connections.every(({ state }) => state === "down"));
  const second = await mesh.node.mortalEndpoint(options);
  await until("the connections are healed", () => connections.every(({ state }) => state === "up"));
  assert.deepEqual(
    connections.map((connection) => connection.addresses),
    addresses,
  );
  await nsc.close();
  await second.close();
});

test("a forwarder that is killed and started again gets its connections back", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  const downs: string[] = [];
  connection.on("down", ({ reason }) => downs.push(reason));
  await mesh.node.forwarder.kill();
  await until("the client hears of it", () => connection.state === "down");
  const started = performance.now();
  await mesh.node.restartForwarder();
  await until("the connection is healed", () => connection.state === "up");
  assert.ok(performance.now() - started < 2_000);
  assert.equal(mesh.node.forwarder.crossConnector.connected.size, 1);
  assert.deepEqual(downs, ["reported down"]);
});

test("an nsmgr that is killed and started again gets its connections back, with the same addresses", async () => {
  await using mesh = await sandbox();
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const nsc = mesh.node.client({ name: "nsc", livenessCheck: async () => true });
  const connection = await nsc.connect("kernel://web/nsm-1");
  const { addresses } = connection;
  await mesh.node.nsmgr.kill();
  await until("the client hears of it", () => connection.state === "down");
  await mesh.node.restartNsmgr();
  await until("the connection is healed", () => connection.state === "up");
  assert.deepEqual([connection.addresses, web.connections.length, mesh.connections], [addresses, 1, 2]);
});

test("a connection whose data plane dies is made anew", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  let alive = true;
  const nsc = mesh.node.client({ name: "nsc", livenessCheck: async () => alive, livenessIntervalMs: 20 });
  const connection = await nsc.connect("kernel://web/nsm-1");
  const reasons: string[] = [];
  connection.on("down", ({ reason }) => {
    reasons.push(reason);
    alive = true;
  });
  alive = false;
  await until("the connection is healed", () => reasons.length > 0 && connection.state === "up");
  assert.deepEqual(reasons, ["the data plane does not answer"]);
});

test("a client that starts again under its name takes its connection over", async () => {
  await using mesh = await sandbox();
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const before = mesh.node.bareClient("nsc");
  const old = await before.request(connectionTo("web", { id: "nsc-0" }));
  await before.close();
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  assert.deepEqual(connection.addresses, old.context?.ipContext?.srcIpAddrs);
  assert.equal(connection.interfaceName, old.mechanism?.parameters.name);
  assert.deepEqual([web.connections.length, mesh.connections], [1, 2]);
});

test("a service that nobody offers is an error that names it", async () => {
  await using mesh = await sandbox();
  const nsc = mesh.node.client({ name: "nsc" });
  await assert.rejects(nsc.connect("kernel://nothing/nsm-1", { timeoutMs: 0 }), {
    code: "NOT_FOUND",
    message: /network service "nothing" is not registered/,
  });
  assert.deepEqual([nsc.connections.length, mesh.connections], [0, 0]);
});

test("connect waits for an endpoint that comes later", async () => {
  await using mesh = await sandbox();
  const connecting = mesh.node.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  await sleep(50);
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  assert.equal((await connecting).state, "up");
});

test("an endpoint that refuses a client leaves nothing behind", async () => {
  await using mesh = await sandbox();
  const onConnect = (): void => {
    throw new CodedError("PERMISSION_DENIED", "not you");
  };
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs, onConnect });
  const nsc = mesh.node.client({ name: "nsc" });
  await assert.rejects(nsc.connect("kernel://web/nsm-1"), { code: "PERMISSION_DENIED", message: /not you/ });
  assert.deepEqual([mesh.connections, web.connections.length], [0, 0]);
});

test("a data plane that fails leaves nothing behind at the endpoint", async () => {
  await using mesh = await sandbox();
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  mesh.node.forwarder.crossConnector.failWith(new CodedError("KERNEL", "no veth today"));
  const nsc = mesh.node.client({ name: "nsc" });
  await assert.rejects(nsc.connect("kernel://web/nsm-1", { timeoutMs: 0 }), /no veth today/);
  assert.deepEqual([mesh.connections, web.connections.length], [0, 0]);
});

test("an endpoint for a single client refuses the second one until the first has gone", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs, singleClient: true });
  const first = await mesh.node.client({ name: "a" }).connect("kernel://web/nsm-1");
  const other = mesh.node.client({ name: "b" });
  await assert.rejects(other.connect("kernel://web/nsm-1", { timeoutMs: 0 }), { code: "RESOURCE_EXHAUSTED" });
  await first.close();
  assert.equal((await other.connect("kernel://web/nsm-1")).state, "up");
});

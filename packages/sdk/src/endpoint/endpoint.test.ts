import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { DNSConfigSchema, NetworkService } from "@nsmkit/api/networkservice";
import { insecureIdentity } from "../identity/index.ts";
import { connectionWith, requestOf } from "../testing/elements.ts";
import { sandbox } from "../testing/sandbox.ts";
import { dial } from "../transport/index.ts";
import { endpointHost } from "./endpoint.ts";

const cidrs = ["10.0.0.0/24"];

test("several endpoints share one socket, and each serves the connections that name it", async () => {
  await using mesh = await sandbox();
  await using host = await endpointHost({ connectTo: mesh.node.nsmgr.url, name: "host" });
  const web = await host.add({ name: "web-1", services: ["web"], cidrs: ["10.1.0.0/24"] });
  const db = await host.add({ name: "db-1", services: ["db"], cidrs: ["10.2.0.0/24"] });
  assert.equal(web.url, db.url);
  const nsc = mesh.node.client({ name: "nsc" });
  const connections = [await nsc.connect("kernel://web"), await nsc.connect("kernel://db")];
  assert.deepEqual(
    connections.map(({ addresses }) => addresses[0]),
    ["10.1.0.1/32", "10.2.0.1/32"],
  );
  assert.deepEqual([web.connections.length, db.connections.length], [1, 1]);
});

test("an endpoint leaves its host without the others", async () => {
  await using mesh = await sandbox();
  await using host = await endpointHost({ connectTo: mesh.node.nsmgr.url, name: "host" });
  const web = await host.add({ name: "web-1", services: ["web"], cidrs });
  await host.add({ name: "db-1", services: ["db"], cidrs });
  await web.close();
  const nsc = mesh.node.client({ name: "nsc" });
  assert.equal((await nsc.connect("kernel://db")).state, "up");
  await assert.rejects(nsc.connect("kernel://web", { timeoutMs: 0 }), { code: "NOT_FOUND" });
  assert.equal((await host.add({ name: "web-1", services: ["web"], cidrs })).name, "web-1");
});

test("a name is served once on a host", async () => {
  await using mesh = await sandbox();
  await using host = await endpointHost({ connectTo: mesh.node.nsmgr.url, name: "host" });
  await host.add({ name: "web-1", services: ["web"] });
  await assert.rejects(host.add({ name: "web-1", services: ["web"] }), { code: "ALREADY_EXISTS", message: /"web-1"/ });
});

test("a call for an endpoint that the host does not serve names those that it does", async () => {
  await using mesh = await sandbox();
  await using host = await endpointHost({ connectTo: mesh.node.nsmgr.url, name: "host" });
  for (const name of ["web-1", "db-1"]) await host.add({ name, services: [name] });
  await using channel = dial(host.url, { identity: insecureIdentity({ name: "caller" }) });
  const connection = connectionWith({ id: "c", networkServiceEndpointName: "x" });
  await assert.rejects(channel.unary(NetworkService.method.request, requestOf(connection)), {
    code: "NOT_FOUND",
    message: /"x".*web-1, db-1/,
  });
});

test("an endpoint offers services with labels, matches and payload", async () => {
  await using mesh = await sandbox();
  const register = { payload: "IP" as const, matches: [] };
  await mesh.node.endpoint({ name: "web-1", services: [{ name: "web", labels: { color: "blue" }, register }], cidrs });
  const { connection } = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  assert.equal(connection.payload, "IP");
});

test("DNS configurations reach the client", async () => {
  await using mesh = await sandbox();
  const dns = [create(DNSConfigSchema, { dnsServerIps: ["10.0.0.53"], searchDomains: ["example"] })];
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs, dns });
  const { connection } = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  assert.deepEqual(connection.context?.dnsContext?.configs[0]?.dnsServerIps, ["10.0.0.53"]);
});

test("an endpoint hears once of each client that comes and goes, not of refreshes", async () => {
  await using mesh = await sandbox();
  const heard: string[] = [];
  await mesh.node.endpoint({
    name: "web-1",
    services: ["web"],
    cidrs,
    onConnect: ({ context }) => void heard.push(`+${context?.ipContext?.srcIpAddrs}`),
    onDisconnect: ({ context }) => void heard.push(`-${context?.ipContext?.srcIpAddrs}`),
  });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  await connection.refresh();
  await connection.close();
  assert.deepEqual(heard, ["+10.0.0.1/32", "-10.0.0.1/32"]);
});

test("groups of CIDRs give a pair each, and a wrong CIDR is refused before anything is registered", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs: [["10.0.0.0/24"], ["fd00::/64"]] });
  const { addresses } = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  assert.deepEqual(addresses, ["10.0.0.1/32", "fd00::1/128"]);
  await assert.rejects(mesh.node.endpoint({ name: "web-2", services: ["web"], cidrs: ["10.0.0.0/40"] }), {
    code: "INVALID_ARGUMENT",
    message: /10\.0\.0\.0\/40/,
  });
});

test("the directory of its socket goes with the endpoint", async () => {
  await using mesh = await sandbox();
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"] });
  const directory = dirname(web.url.slice("unix://".length));
  assert.equal(existsSync(directory), true);
  await web.close();
  assert.equal(existsSync(directory), false);
});

test("an endpoint that cannot register leaves nothing", async () => {
  const before = process.getActiveResourcesInfo().filter((each) => each === "PipeServerWrap").length;
  const connectTo = "unix:///no/such/nsmgr.sock";
  await using host = await endpointHost({ connectTo, name: "host", requestTimeoutMs: 200 });
  await assert.rejects(host.add({ name: "web-1", services: ["web"] }), /no\/such\/nsmgr/);
  await host.close();
  assert.equal(process.getActiveResourcesInfo().filter((each) => each === "PipeServerWrap").length, before);
});

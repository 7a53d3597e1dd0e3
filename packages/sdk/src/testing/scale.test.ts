import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Gate } from "../chain/gate.ts";
import { connectionTo } from "./bare-client.ts";
import { sandbox } from "./sandbox.ts";
import { until } from "./until.ts";

const openFiles = (): number => readdirSync("/proc/self/fd").length;

test("a thousand connections come, are refreshed and go, and nothing is left of them", async () => {
  await using mesh = await sandbox();
  const { nsmgr, forwarder } = mesh.node;
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs: ["10.0.0.0/16"] });
  const nsc = mesh.node.client({ name: "nsc" });
  await (await nsc.connect("kernel://web")).close();
  const filesBefore = openFiles();
  const gate = new Gate(16);
  const connections = await Promise.all(
    Array.from({ length: 1_000 }, () => gate.run(() => nsc.connect("kernel://web"))),
  );

  assert.equal(new Set(connections.flatMap(({ addresses }) => addresses)).size, 1_000);
  assert.deepEqual(
    [mesh.connections, web.connections.length, forwarder.crossConnector.connected.size],
    [2_000, 1_000, 1_000],
  );
  // One namespace on each side: the thousand share its descriptors, and one stream of events per hop.
  assert.ok(openFiles() - filesBefore < 10, `${openFiles() - filesBefore} descriptors for 1,000 connections`);

  const { connects } = forwarder.crossConnector;
  await Promise.all(connections.map((connection) => gate.run(() => connection.refresh())));
  assert.equal(forwarder.crossConnector.connects - connects, 1_000);
  assert.deepEqual([mesh.connections, web.connections.length], [2_000, 1_000]);

  await Promise.all(connections.map((connection) => gate.run(() => connection.close())));
  assert.deepEqual([mesh.connections, web.connections.length, forwarder.crossConnector.connected.size], [0, 0, 0]);
  assert.equal(nsmgr.chain.hub.size + forwarder.chain.hub.size, 0);
  await until("the watchers end", () => nsmgr.chain.hub.entries + forwarder.chain.hub.entries === 0);
  await until("the descriptors are closed", () => openFiles() <= filesBefore);
  assert.deepEqual((await nsc.connect("kernel://web")).addresses, ["10.0.0.1/32"]);
});

test("a hundred clients that die at once are cleaned up, and a hundred new ones served meanwhile", async () => {
  await using mesh = await sandbox({ tokenLifeMs: 3_000 });
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs: ["10.0.0.0/16"] });
  const old = mesh.node.bareClient("old");
  await Promise.all(Array.from({ length: 100 }, (_, at) => old.request(connectionTo("web", { id: `old-${at}` }))));
  await old.close();
  const nsc = mesh.node.client({ name: "new" });
  const started = performance.now();
  await Promise.all(Array.from({ length: 100 }, () => nsc.connect("kernel://web")));
  assert.ok(performance.now() - started < 3_000);
  await until("only the new ones are left", () => mesh.connections === 200 && web.connections.length === 100);
  await sleep(1_000);
  assert.deepEqual([mesh.connections, nsc.connections.every(({ state }) => state === "up")], [200, true]);
});

test("programs of two nodes die one after the other, and every connection comes back each time", async () => {
  await using mesh = await sandbox({ nodes: 2, tokenLifeMs: 5_000 });
  const [near, far] = mesh.nodes;
  assert.ok(near && far);
  const offers = [
    { node: far, options: { name: "web-a", service: "web", cidrs: ["10.1.0.0/16"] } },
    { node: near, options: { name: "web-b", service: "web", cidrs: ["10.2.0.0/16"] } },
  ];
  const webs = await Promise.all(offers.map(({ node, options }) => node.mortalEndpoint(options)));
  const nsc = near.client({ name: "nsc" });
  const connections = await Promise.all(Array.from({ length: 20 }, () => nsc.connect("kernel://web")));
  const deaths: Record<string, () => Promise<void>> = {
    "forwarder-0": async () => {
      await near.forwarder.kill();
      await near.restartForwarder();
    },
    "nsmgr-1": async () => {
      await far.nsmgr.kill();
      await far.restartNsmgr();
    },
    "nsmgr-0": async () => {
      await near.nsmgr.kill();
      await near.restartNsmgr();
    },
    "forwarder-1": async () => {
      await far.forwarder.kill();
      await far.restartForwarder();
    },
    "web-a": async () => {
      await webs[0]?.kill();
      webs[0] = await far.mortalEndpoint({ name: "web-a", service: "web", cidrs: ["10.1.0.0/16"] });
    },
  };
  for (const [who, dies] of Object.entries(deaths)) {
    const hit = connections.filter(({ connection }) => connection.path?.pathSegments.some(({ name }) => name === who));
    const unaware = new Set(hit);
    const listeners = hit.map((connection) => connection.on("down", () => unaware.delete(connection)));
    await dies();
    await until(`the death of ${who} is noticed`, () => unaware.size === 0);
    await until(`the death of ${who} is healed`, () => connections.every(({ state }) => state === "up"));
    for (const listener of listeners) listener[Symbol.dispose]();
  }
  await until("no address is used twice", () => new Set(connections.flatMap(({ addresses }) => addresses)).size === 20);
  await nsc.close();
  await until(
    "what was cut off has expired",
    () => mesh.connections === 0 && webs.every(({ chain }) => chain.size === 0),
  );
  const planes = mesh.nodes.map(({ forwarder }) => forwarder.crossConnector.connected.size);
  assert.deepEqual(planes, [0, 0]);
  for (const web of webs) await web.close();
});

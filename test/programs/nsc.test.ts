// The client program against a real nsmgr program; forwarder and endpoint live in this process. No root needed.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { endpoint } from "@nsmkit/sdk";
import { fakeForwarder } from "./forwarder.ts";
import { Mesh } from "./mesh.ts";
import { Program } from "./program.ts";

async function until(what: string, done: () => boolean, timeoutMs = 10_000): Promise<number> {
  const start = performance.now();
  while (!done()) {
    assert.ok(performance.now() - start < timeoutMs, `not in time: ${what}`);
    await sleep(5);
  }
  return performance.now() - start;
}

/** A node without a client. */
async function node(mesh: Mesh) {
  await mesh.registry();
  const nsmgr = await mesh.nsmgr();
  const forwarder = mesh.use(
    await fakeForwarder("forwarder", `unix://${mesh.directory}/forwarder.sock`, mesh.nsmgrUrl),
  );
  const serve = (name: string, service: string) =>
    endpoint({ connectTo: mesh.nsmgrUrl, name, services: [service], cidrs: ["172.16.0.0/24"] });
  return { nsmgr, forwarder, serve, plane: forwarder.plane.connected };
}

function nsc(mesh: Mesh, services: string, env: Readonly<Record<string, string>> = {}): Program {
  const program = new Program("nsc", {
    NSM_NAME: "client",
    NSM_CONNECT_TO: mesh.nsmgrUrl,
    NSM_NETWORK_SERVICES: services,
    // There is no interface to ping through.
    NSM_LIVENESS_CHECK_ENABLED: "false",
    NSM_READY_FILE: `${mesh.directory}/ready`,
    ...env,
  });
  return mesh.use(program);
}

describe("nsc", { timeout: 60_000 }, () => {
  test("connects every service of its list, says so, and takes the connections down when it ends", async () => {
    await using mesh = await Mesh.create();
    const { plane, serve } = await node(mesh);
    await using _web = await serve("web-1", "web");
    await using _db = await serve("db-1", "db");
    const program = nsc(mesh, "kernel://web/nsm-1?color=blue, db/nsm-2", {
      POD_NAME: "pod-1",
      NSM_LABELS: "tier:front",
    });
    await until("the ready file", () => existsSync(`${mesh.directory}/ready`));
    assert.equal(plane.size, 2);
    const connections = [...plane.values()].map(({ connection }) => connection);
    const web = connections.find(({ networkService }) => networkService === "web");
    assert.equal(web?.path?.pathSegments[0]?.id, "client-0");
    const { color, tier, podName, nodeName } = web?.labels ?? {};
    assert.deepEqual(
      { color, tier, podName, nodeName },
      { color: "blue", tier: "front", podName: "pod-1", nodeName: "node-1" },
    );
    assert.deepEqual([...plane.values()].map(({ client }) => client.mechanism.parameters.name).sort(), [
      "nsm-1",
      "nsm-2",
    ]);
    program.signal("SIGTERM");
    assert.equal(await program.exit(), 0, program.all());
    assert.deepEqual([plane.size, existsSync(`${mesh.directory}/ready`)], [0, false]);
  });

  test("waits for a service that is not there yet", async () => {
    await using mesh = await Mesh.create();
    const { plane, serve } = await node(mesh);
    const program = nsc(mesh, "kernel://late/nsm-1");
    await sleep(1_500);
    assert.equal(existsSync(`${mesh.directory}/ready`), false);
    await using _late = await serve("late-1", "late");
    const tookMs = await until("the connection", () => plane.size === 1);
    assert.ok(tookMs < 3_000, `took ${tookMs} ms`);
    await program.log("connected");
  });

  test("starts before its nsmgr, and connects when that is there", async () => {
    await using mesh = await Mesh.create();
    const program = nsc(mesh, "kernel://web/nsm-1");
    await sleep(500);
    const { serve } = await node(mesh);
    await using _web = await serve("web-1", "web");
    await program.log("connected");
  });

  test("a nsmgr that is killed and started again has the connection back in a second", async () => {
    await using mesh = await Mesh.create();
    const { nsmgr, serve } = await node(mesh);
    await using _web = await serve("web-1", "web");
    const program = nsc(mesh, "kernel://web/nsm-1");
    await program.log("connected");
    await nsmgr.kill();
    await program.log("connection is down");
    await mesh.nsmgr();
    const start = performance.now();
    await program.log("connection is up again");
    const tookMs = performance.now() - start;
    assert.ok(tookMs < 1_500, `took ${tookMs} ms`);
  });

  test("SIGTERM while it still waits ends it with 0", async () => {
    await using mesh = await Mesh.create();
    await node(mesh);
    const program = nsc(mesh, "kernel://nobody/nsm-1");
    // It has had its first answer: nobody offers the service.
    await program.log("not connected yet");
    program.signal("SIGTERM");
    assert.equal(await program.exit(), 0, program.all());
  });

  for (const [services, problem] of [
    ["", /NSM_NETWORK_SERVICES: is required/],
    ["kernel://web/a-name-that-is-too-long", /15/],
    ["kernel://web/nsm-1,kernel://db/nsm-1", /"nsm-1" is wanted for both "web" and "db"/],
    ["carrier-pigeon://web/nsm-1", /unknown mechanism "carrier-pigeon"/],
  ] as const)
    test(`"${services}" is refused before anything is done`, async () => {
      await using mesh = await Mesh.create();
      const program = nsc(mesh, services);
      assert.equal(await program.exit(), 2);
      assert.match(program.text, problem);
    });
});

/** The whole mesh on real kernel links: every program a process, killed and started again while packets flow. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cannotRun } from "./crossconnect-world.ts";
import { linksIn, MeshWorld, peerOf, Traffic, until } from "./mesh-node.ts";

const skip = (await cannotRun()) || (spawnSync("nsenter", ["--version"]).error ? "needs nsenter (util-linux)" : false);

/** A node with registry, nsmgr, forwarder, an endpoint and a connected client. */
async function start(given: { readonly tokenLife?: string; readonly payload?: string } = {}) {
  const here = await MeshWorld.open();
  try {
    const env: Record<string, string> =
      given.tokenLife === undefined ? {} : { NSM_MAX_TOKEN_LIFETIME: given.tokenLife };
    const registry = await here.mesh.registry(env);
    const nsmgr = await here.nsmgr(env);
    const forwarder = await here.forwarder(env);
    const [client, server] = [await here.pod(), await here.pod()];
    const endpoint = await here.endpoint(server, { NSM_PAYLOAD: given.payload ?? "IP" });
    const nsc = here.nsc(client, env);
    await nsc.log("connected");
    return {
      here,
      env,
      registry,
      nsmgr,
      forwarder,
      client,
      server,
      endpoint,
      nsc,
      [Symbol.asyncDispose]: () => here[Symbol.asyncDispose](),
    };
  } catch (error) {
    await here[Symbol.asyncDispose]();
    throw error;
  }
}

suite("mesh of processes on one node", { skip, timeout: 180_000 }, () => {
  test("a connection comes up, carries packets, and leaves nothing when its client ends", async () => {
    await using node = await start();
    const { client, server, nsc, endpoint } = node;
    assert.deepEqual(await linksIn(client), ["nsm-1"]);
    assert.equal((await linksIn(server)).length, 1);
    const destination = await peerOf(client);
    assert.equal((await client.handle.ping({ destination: destination ?? "" })).received, 1);
    nsc.signal("SIGTERM");
    assert.equal(await nsc.exit(), 0, nsc.all());
    await endpoint.log("client disconnected");
    assert.deepEqual([await linksIn(client), await linksIn(server)], [[], []]);
    assert.deepEqual(
      (await client.handle.ruleList()).filter((rule) => rule.protocol === 78),
      [],
    );
  });

  test("refreshes keep the same link alive beyond the life of its first tokens", async () => {
    await using node = await start({ tokenLife: "2s" });
    const { index } = await node.client.handle.linkGet("nsm-1");
    await using traffic = new Traffic(node.client);
    await sleep(4500);
    assert.equal((await node.client.handle.linkGet("nsm-1")).index, index);
    const gap = traffic.gapMs();
    assert.ok(gap < 200, `${gap} ms without a reply`);
    assert.equal(node.endpoint.lines.filter(({ msg }) => msg === "client disconnected").length, 0);
  });

  for (const payload of ["IP", "ETHERNET"]) {
    test(`packets flow on while registry, nsmgr and forwarder are killed and come back (payload ${payload})`, async (t) => {
      await using node = await start({ payload });
      const { here, env, client, server } = node;
      const { index } = await client.handle.linkGet("nsm-1");
      await using traffic = new Traffic(client);
      await until("traffic", () => traffic.replies > 5);
      traffic.gapMs();

      await node.registry.kill();
      await here.mesh.registry(env);
      const registryGap = traffic.gapMs();

      await node.nsmgr.kill();
      await here.nsmgr(env);
      await node.forwarder.log("registering again").catch(() => {});
      const nsmgrGap = traffic.gapMs();

      await node.forwarder.kill();
      await here.forwarder(env);
      const forwarderGap = traffic.gapMs();
      await sleep(1500);
      const laterGap = traffic.gapMs();
      t.diagnostic(
        `longest silence: registry ${registryGap.toFixed(0)} ms, nsmgr ${nsmgrGap.toFixed(0)} ms, forwarder ${forwarderGap.toFixed(0)} ms, healing ${laterGap.toFixed(0)} ms`,
      );
      for (const gap of [registryGap, nsmgrGap, forwarderGap, laterGap]) assert.ok(gap < 300, `${gap} ms of silence`);
      assert.equal((await client.handle.linkGet("nsm-1")).index, index, "the link is the same one");

      // The mesh works as before: the old connection ends in order, a new one comes up.
      node.nsc.signal("SIGTERM");
      assert.equal(await node.nsc.exit(), 0, node.nsc.all());
      await until("nothing is left", async () => (await linksIn(server)).length === 0, 3000);
      const again = here.nsc(client, env);
      await again.log("connected");
      const destination = (await peerOf(client)) ?? "";
      assert.equal((await client.handle.ping({ destination })).received, 1);
    });
  }

  test("when its endpoint is killed with its Pod the client has another one within seconds", async (t) => {
    await using node = await start();
    const { here, client, server } = node;
    const second = await here.pod();
    await here.endpoint(second, { NSM_NAME: "web-2", NSM_CIDR_PREFIX: "172.17.0.0/24" });
    await using traffic = new Traffic(client);
    await until("traffic", () => traffic.replies > 5);
    const before = await peerOf(client);
    const start0 = performance.now();
    await node.endpoint.kill();
    server.kill();
    await until("traffic through the other endpoint", async () => {
      const peer = await peerOf(client);
      if (peer === undefined || peer === before) return false;
      return (await client.handle.ping({ destination: peer, timeoutMs: 50 })).received > 0;
    });
    const tookMs = performance.now() - start0;
    // The budget is one second on a machine that does nothing else, which a test cannot ask for.
    t.diagnostic(`healed in ${tookMs.toFixed(0)} ms`);
    assert.ok(tookMs < 5000, `${tookMs} ms`);
    assert.deepEqual(await linksIn(client), ["nsm-1"]);
    await until("the old link is gone", async () => (await linksIn(server)).length === 0, 3000);
  });

  test("a Pod that is killed with all its processes is cleaned up here and at the endpoint within seconds", async (t) => {
    await using node = await start();
    const { client, server, endpoint } = node;
    // It must have been seen once before it can be missed.
    await sleep(300);
    const start0 = performance.now();
    await node.nsc.kill();
    client.kill();
    await endpoint.log("client disconnected");
    await until("the endpoint's link is gone", async () => (await linksIn(server)).length === 0);
    const tookMs = performance.now() - start0;
    t.diagnostic(`cleaned up in ${tookMs.toFixed(0)} ms`);
    assert.ok(tookMs < 3000, `${tookMs} ms`);
  });

  test("after a restart links whose clients are gone are removed when the life of a token has passed", async () => {
    await using node = await start({ tokenLife: "3s" });
    const { here, env, client, server } = node;
    // Nobody of the old mesh is there to close anything, and the Pods live on.
    for (const program of [node.nsc, node.forwarder, node.nsmgr, node.endpoint]) await program.kill();
    assert.deepEqual(await linksIn(client), ["nsm-1"]);
    await here.nsmgr(env);
    const forwarder = await here.forwarder(env);
    await forwarder.log("links of an earlier life found, waiting for their clients");
    assert.deepEqual(await linksIn(client), ["nsm-1"]);
    await forwarder.log("links that nobody asked for are removed");
    assert.deepEqual([await linksIn(client), await linksIn(server)], [[], []]);
  });

  test("a client that starts again in its Pod takes over the connection of its earlier life", async () => {
    await using node = await start();
    const { here, env, client } = node;
    const { index } = await client.handle.linkGet("nsm-1");
    await using traffic = new Traffic(client);
    await until("traffic", () => traffic.replies > 5);
    traffic.gapMs();
    await node.nsc.kill();
    const again = here.nsc(client, env);
    await again.log("connected");
    const gap = traffic.gapMs();
    assert.ok(gap < 300, `${gap} ms of silence`);
    assert.equal((await client.handle.linkGet("nsm-1")).index, index);
  });
});

suite("mesh of processes on two nodes", { skip, timeout: 120_000 }, () => {
  test("a connection crosses the nodes by VXLAN, survives its forwarders, and leaves nothing", async (t) => {
    await using here = await MeshWorld.open();
    const nodes = await here.world.nodes();
    const directory = here.mesh.directory;
    const inside = (n: number) => ["nsenter", `--net=/proc/${process.pid}/fd/${nodes[n]?.netns.fd}`];
    const underlay = ["192.0.2.1", "192.0.2.2"];
    // The registry stands on node 1's underlay; nsmgrs reach it through its socket.
    await here.mesh.registry();
    const nsmgrUrl = (n: number): string => `unix://${directory}/nsmgr-${n}.sock`;
    const { serve } = await import("../programs/program.ts");
    for (const n of [0, 1]) {
      const settings = {
        NSM_NAME: `nsmgr-${n}`,
        NSM_LISTEN_ON: `${nsmgrUrl(n)},tcp://${underlay[n]}:5001`,
        NSM_REGISTRY_URL: here.mesh.registryUrl,
        NODE_NAME: `node-${n}`,
      };
      here.mesh.use(await serve("nsmgr", settings, inside(n)));
    }
    const forwarder = (n: number) =>
      here.forwarder(
        { NSM_TUNNEL_IP: underlay[n] ?? "" },
        { name: `forwarder-${n}`, connectTo: nsmgrUrl(n), inside: inside(n) },
      );
    const forwarders = [await forwarder(0), await forwarder(1)];
    const [client, server] = [await here.pod(), await here.pod()];
    const endpoint = await here.endpoint(server, {}, nsmgrUrl(1));
    const nsc = here.nsc(client, {}, nsmgrUrl(0));
    await nsc.log("connected");
    const link = await client.handle.linkGet("nsm-1");
    assert.equal(link.kind, "vxlan");
    assert.equal(link.mtu, 1500 - 54);
    await using traffic = new Traffic(client);
    await until("traffic", () => traffic.replies > 5);
    traffic.gapMs();
    for (const n of [0, 1]) {
      await forwarders[n]?.kill();
      await forwarder(n);
      await sleep(700);
      const gap = traffic.gapMs();
      t.diagnostic(`longest silence around forwarder ${n}: ${gap.toFixed(0)} ms`);
      assert.ok(gap < 300, `${gap} ms of silence`);
    }
    assert.equal((await client.handle.linkGet("nsm-1")).index, link.index);
    nsc.signal("SIGTERM");
    assert.equal(await nsc.exit(), 0, nsc.all());
    await endpoint.log("client disconnected");
    await until(
      "nothing is left",
      async () => [...(await linksIn(client)), ...(await linksIn(server))].length === 0,
      3000,
    );
  });
});

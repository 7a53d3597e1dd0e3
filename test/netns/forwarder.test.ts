/** The forwarder program with its kernel: settings, counters, places taken, endings. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Program } from "../programs/program.ts";
import { cannotRun } from "./crossconnect-world.ts";
import { linksIn, MeshWorld, peerOf, until } from "./mesh-node.ts";

const skip = await cannotRun();

suite("nsm-forwarder", { skip, timeout: 120_000 }, () => {
  test("serves the traffic of each connection as it is in the kernel", async () => {
    await using here = await MeshWorld.open();
    await here.mesh.registry();
    await here.nsmgr();
    const forwarder = await here.forwarder({
      PROMETHEUS: "true",
      NSM_PROMETHEUS_LISTEN_ON: "127.0.0.1:0",
      PROMETHEUS_METRICS_PREFIX: "nsm",
    });
    const url = String((await forwarder.log("serving")).metrics);
    const scrape = async () =>
      (await (await fetch(url)).text()).split("\n").filter((l) => /^nsm_(client|server)_/.test(l));
    assert.deepEqual(await scrape(), []);
    const [client, server] = [await here.pod(), await here.pod()];
    await here.endpoint(server);
    const nsc = here.nsc(client, { NSM_LIVENESS_CHECK_ENABLED: "false" });
    await nsc.log("connected");
    await client.handle.ping({ destination: (await peerOf(client)) ?? "", count: 5, intervalMs: 5 });
    const lines = await scrape();
    assert.equal(lines.length, 10);
    const value = (name: string): number =>
      Number(lines.find((line) => line.startsWith(`nsm_${name}_total{`))?.split("} ")[1]);
    assert.ok(value("client_rx_packets") >= 5, lines.join("\n"));
    assert.equal(value("client_rx_packets"), value("server_tx_packets"));
    assert.equal(value("client_tx_bytes"), value("server_rx_bytes"));
    assert.match(lines[0] ?? "", /network_service="web",nsc="client-0",nsc_interface="KERNEL\/nsm-1"/);
    nsc.signal("SIGTERM");
    await nsc.exit();
    assert.deepEqual(await scrape(), []);
  });

  test("links stay when it ends in order, and the next one goes on with them", async () => {
    await using here = await MeshWorld.open();
    await here.mesh.registry();
    await here.nsmgr();
    const forwarder = await here.forwarder();
    const [client, server] = [await here.pod(), await here.pod()];
    await here.endpoint(server);
    const nsc = here.nsc(client);
    await nsc.log("connected");
    const { index } = await client.handle.linkGet("nsm-1");
    forwarder.signal("SIGTERM");
    assert.equal(await forwarder.exit(), 0, forwarder.all());
    await sleep(300);
    assert.equal((await client.handle.linkGet("nsm-1")).index, index);
    await here.forwarder();
    await nsc.log("connection is up again");
    assert.equal((await client.handle.linkGet("nsm-1")).index, index);
    nsc.signal("SIGTERM");
    await nsc.exit();
    await until("nothing is left", async () => (await linksIn(server)).length === 0, 3000);
  });

  test("starts before its nsmgr and registers as soon as that is there", async () => {
    await using here = await MeshWorld.open();
    const env = { NSM_NAME: "forwarder", NSM_CONNECT_TO: here.mesh.nsmgrUrl, NSM_LISTEN_ON: here.socket("forwarder") };
    const forwarder = here.mesh.use(new Program("nsm-forwarder", env));
    await forwarder.log("cannot register yet, trying on");
    await here.mesh.registry();
    await here.nsmgr();
    await forwarder.log("registered", { timeoutMs: 5000 });
  });

  test("a socket or metrics address that is taken, and a tunnel address that the node has not, end it with a reason", async () => {
    await using here = await MeshWorld.open();
    await using taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const base = { NSM_NAME: "forwarder", NSM_CONNECT_TO: here.mesh.nsmgrUrl, NSM_LISTEN_ON: here.socket("one") };
    const first = here.mesh.use(new Program("nsm-forwarder", base));
    await first.log("serving");
    for (const [env, reason] of [
      [base, /one\.sock/],
      [
        {
          ...base,
          NSM_LISTEN_ON: here.socket("two"),
          PROMETHEUS: "true",
          NSM_PROMETHEUS_LISTEN_ON: `127.0.0.1:${port}`,
        },
        /NSM_PROMETHEUS_LISTEN_ON/,
      ],
      [
        { ...base, NSM_LISTEN_ON: here.socket("two"), NSM_TUNNEL_IP: "203.0.113.77" },
        /NSM_TUNNEL_IP=203\.0\.113\.77: no link of this node has that address/,
      ],
    ] as const) {
      const program = here.mesh.use(new Program("nsm-forwarder", env));
      assert.equal(await program.exit(), 1, program.all());
      const failed = await program.log("failed").catch(() => program.lines.find(({ msg }) => msg === "failed"));
      assert.match(String(failed?.reason), reason);
    }
    assert.equal(first.lines.filter(({ msg }) => msg === "failed").length, 0);
  });
});

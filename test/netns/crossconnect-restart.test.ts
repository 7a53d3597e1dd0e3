/** A forwarder that starts again finds what it made: links live on, and what nobody asks for is removed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, Socket } from "node:net";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cannotRun, connectionOf, kernel, leftIn, never, type Pod, pair, pings, World } from "./crossconnect-world.ts";

const skip = await cannotRun();

/** A TCP stream through the link that counts what arrives. */
async function stream(from: Pod, to: Pod, address: string) {
  const server = createServer();
  const received = { bytes: 0, longestPauseMs: 0 };
  let last = 0;
  server.on("connection", (socket) =>
    socket.on("data", (data) => {
      const now = performance.now();
      if (last > 0) received.longestPauseMs = Math.max(received.longestPauseMs, now - last);
      last = now;
      received.bytes += data.length;
    }),
  );
  server.listen({ fd: await to.handle.openSocket({ kind: "tcp-listen", address, port: 7000 }) });
  await once(server, "listening");
  const accepted = once(server, "connection");
  const client = new Socket({ fd: await from.handle.openSocket({ kind: "tcp-connect", address, port: 7000 }) });
  await accepted;
  let sent = 0;
  const timer = setInterval(() => {
    client.write(Buffer.alloc(1000));
    sent += 1000;
  }, 2);
  return {
    received,
    async end(): Promise<{ sent: number }> {
      clearInterval(timer);
      client.end();
      await once(client, "close");
      server.close();
      await once(server, "close");
      return { sent };
    },
  };
}

suite("restart of the kernel data plane", { skip }, () => {
  test("a link is taken over as it stands: a running TCP stream loses nothing and does not pause", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const sides = { client: kernel(client), server: kernel(server) };
    const policies = [{ from: "10.0.0.1/32", proto: "tcp" }];
    const connection = connectionOf({ ...pair, policies });
    const first = world.crossConnector();
    await first.connect("c1", sides, connection, { signal: never });
    const { index } = await client.handle.linkGet("nsm-1");
    const tcp = await stream(client, server, "10.0.0.2");
    await sleep(100);
    await first.close();
    const second = world.crossConnector();
    assert.deepEqual(await second.connect("c1", sides, connection, { signal: never }).then((r) => r.metrics), {
      client_interface: "KERNEL/nsm-1",
      server_interface: "KERNEL/nsm-1",
    });
    await sleep(100);
    const { sent } = await tcp.end();
    assert.ok(sent >= 50_000, String(sent));
    assert.equal(tcp.received.bytes, sent);
    assert.ok(tcp.received.longestPauseMs < 100, `paused for ${tcp.received.longestPauseMs} ms`);
    assert.equal((await client.handle.linkGet("nsm-1")).index, index);
    assert.equal((await client.handle.ruleList()).filter((rule) => rule.protocol === 78).length, 1);
    await second.disconnect("c1", { signal: never });
    assert.deepEqual([await leftIn(client), await leftIn(server)], [[], []]);
  });

  test("what changed meanwhile is brought up to date, and what others put on the link stays", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const sides = { client: kernel(client), server: kernel(server) };
    const first = world.crossConnector();
    const policies = [{ from: "10.0.0.1/32" }, { proto: "udp" }];
    await first.connect("c1", sides, connectionOf({ ...pair, policies }), { signal: never });
    await first.close();
    await client.handle.routeAdd({ destination: "198.18.0.0/15", link: "nsm-1" });
    await client.handle.addrAdd({ link: "nsm-1", address: "198.18.0.1/32" });
    const second = world.crossConnector();
    const srcRoutes = [{ prefix: "198.51.100.0/24" }];
    const connection = connectionOf({ ...pair, srcRoutes, policies: [{ proto: "udp" }] }, { mtu: 1400 });
    await second.connect("c1", sides, connection, { signal: never });
    assert.equal((await client.handle.linkGet("nsm-1")).mtu, 1400);
    const routes = (await client.handle.routeList({ table: 254, family: 4 })).map(
      (r) => `${r.destination} ${r.protocol}`,
    );
    assert.deepEqual(routes.sort(), ["10.0.0.2/32 78", "198.18.0.0/15 4", "198.51.100.0/24 78"]);
    const addresses = (await client.handle.addrList({ link: "nsm-1", family: 4 })).map((a) => a.address);
    assert.deepEqual(addresses.sort(), ["10.0.0.1/32", "198.18.0.1/32"]);
    const rules = (await client.handle.ruleList()).filter((rule) => rule.protocol === 78);
    assert.deepEqual(
      rules.map((rule) => rule.ipProto),
      [17],
    );
    assert.equal(await pings(client, "10.0.0.2"), 2);
  });

  test("addresses that the connection lost meanwhile are removed", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const sides = { client: kernel(client), server: kernel(server) };
    const first = world.crossConnector();
    await first.connect("c1", sides, connectionOf(), { signal: never });
    await first.close();
    const second = world.crossConnector();
    const renumbered = { ...pair, srcIpAddrs: ["10.0.0.9/32", "fd00::9/128"], dstRoutes: [] };
    await second.connect("c1", sides, connectionOf(renumbered), { signal: never });
    const addresses = (await client.handle.addrList({ link: "nsm-1" })).filter((a) => a.scope === "global");
    assert.deepEqual(addresses.map((a) => a.address).sort(), ["10.0.0.9/32", "fd00::9/128"]);
    assert.equal(await pings(client, "10.0.0.2"), 2);
    assert.equal(await pings(client, "fd00::2"), 2);
  });

  test("a link whose other end is not the wanted one is made anew", async () => {
    await using world = await World.open();
    const [client, server, other] = [await world.pod(), await world.pod(), await world.pod()];
    const first = world.crossConnector();
    await first.connect("c1", { client: kernel(client), server: kernel(server) }, connectionOf(), { signal: never });
    await first.close();
    const second = world.crossConnector();
    await second.connect("c1", { client: kernel(client), server: kernel(other) }, connectionOf(), { signal: never });
    assert.equal(await pings(client, "10.0.0.2"), 2);
    assert.deepEqual(await leftIn(server), []);
  });

  test("a link that shall have another name is renamed under its running traffic", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const first = world.crossConnector();
    await first.connect("c1", { client: kernel(client), server: kernel(server, "old") }, connectionOf(), {
      signal: never,
    });
    const { index } = await client.handle.linkGet("nsm-1");
    const tcp = await stream(client, server, "10.0.0.2");
    await sleep(50);
    await first.close();
    const second = world.crossConnector();
    await second.connect("c1", { client: kernel(client), server: kernel(server, "new") }, connectionOf(), {
      signal: never,
    });
    await sleep(50);
    const { sent } = await tcp.end();
    assert.equal(tcp.received.bytes, sent);
    assert.ok(tcp.received.longestPauseMs < 100, `paused for ${tcp.received.longestPauseMs} ms`);
    assert.equal((await client.handle.linkGet("nsm-1")).index, index);
    assert.deepEqual(
      (await leftIn(server)).filter((what) => what.startsWith("link")),
      ["link new"],
    );
    assert.equal(await pings(server, "10.0.0.1"), 2);
  });

  test("a link that is known to be left is found again even when both its names changed", async () => {
    await using world = await World.open();
    const [client, server] = [await world.livingPod(), await world.livingPod()];
    const sides = (name: string) => ({ client: kernel(client.path, name), server: kernel(server.path, name) });
    const first = world.crossConnector({ owner: "renaming" });
    await first.connect("c1", sides("old"), connectionOf(), { signal: never });
    await first.close();
    const second = world.crossConnector({ owner: "renaming" });
    await second.list({ signal: never });
    await second.connect("c1", sides("new"), connectionOf(), { signal: never });
    const netns = world.use(await world.netlink.namespaces.open({ path: client.path }));
    const handle = world.use(world.netlink.handle(netns));
    assert.deepEqual(
      (await leftIn({ netns, handle })).filter((what) => what.startsWith("link")),
      ["link new"],
    );
  });

  test("a link of an id that nobody asked for since gives way to a new connection with its name", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const sides = { client: kernel(client), server: kernel(server) };
    const first = world.crossConnector();
    await first.connect("old", sides, connectionOf(), { signal: never });
    await first.close();
    const second = world.crossConnector();
    await second.connect("new", sides, connectionOf(), { signal: never });
    assert.equal(await pings(client, "10.0.0.2"), 2);
  });

  test("a rule that outlived its link does not stand in the way of the connection", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const sides = { client: kernel(client), server: kernel(server) };
    const connection = connectionOf({ ...pair, policies: [{ from: "10.0.0.1/32" }, { proto: "udp" }] });
    const first = world.crossConnector();
    await first.connect("c1", sides, connection, { signal: never });
    await first.close();
    await server.handle.linkDelete("nsm-1");
    const second = world.crossConnector();
    await second.connect("c1", sides, connection, { signal: never });
    assert.equal((await client.handle.ruleList()).filter((rule) => rule.protocol === 78).length, 2);
    await second.disconnect("c1", { signal: never });
    assert.deepEqual(await leftIn(client), []);
  });

  test("links are listed by id after a restart; those that nobody takes over are removed, the others stay", async () => {
    await using world = await World.open();
    const [client, server] = [await world.livingPod(), await world.livingPod()];
    const sides = (n: number) => ({ client: kernel(client.path, `c${n}`), server: kernel(server.path, `s${n}`) });
    const policies = (n: number) => [{ from: `10.0.0.${n}/32` }];
    const first = world.crossConnector({ owner: "restarted" });
    for (const n of [1, 2, 3]) {
      const connection = connectionOf({ policies: policies(n) }, { id: `c${n}` });
      await first.connect(`c${n}`, sides(n), connection, { signal: never });
    }
    await first.close();
    const second = world.crossConnector({ owner: "restarted" });
    assert.deepEqual([...(await second.list({ signal: never }))].sort(), ["c1", "c2", "c3"]);
    await second.connect("c2", sides(2), connectionOf({ policies: policies(2) }, { id: "c2" }), { signal: never });
    await second.disconnect("c1", { signal: never });
    assert.deepEqual([...(await second.list({ signal: never }))].sort(), ["c2", "c3"]);
    assert.deepEqual(await second.removeLeftovers({ signal: never }), ["c3"]);
    const netns = world.use(await world.netlink.namespaces.open({ path: client.path }));
    const handle = world.use(world.netlink.handle(netns));
    const left = await leftIn({ netns, handle });
    assert.deepEqual(
      left.filter((what) => !what.startsWith("route")).map((what) => what.replace(/\d+$/, "n")),
      ["link cn", "rule to table n"],
    );
    assert.ok(left.includes("link c2"));
    assert.deepEqual(await second.list({ signal: never }), ["c2"]);
  });
});

suite("namespaces that end", { skip }, () => {
  test("when a Pod's last process is gone the connection is told once, and lets the namespace go when closed", async () => {
    await using world = await World.open();
    const [client, server] = [await world.livingPod(), await world.pod()];
    const gone: string[] = [];
    const plane = world.crossConnector({ presenceIntervalMs: 50, onNamespaceGone: (id) => gone.push(id) });
    const sides = { client: kernel(client.path), server: kernel(server) };
    await plane.connect("c1", sides, connectionOf(), { signal: never });
    await sleep(200);
    assert.deepEqual(gone, []);
    client.process.kill("SIGKILL");
    await once(client.process, "exit");
    await sleep(200);
    assert.deepEqual(gone, ["c1"]);
    // The namespace is still open here, so its link still stands; closing the connection removes both.
    assert.equal((await server.handle.linkGet("nsm-1")).carrier, true);
    await plane.disconnect("c1", { signal: never });
    assert.deepEqual(await leftIn(server), []);
    assert.equal(plane.size.namespaces, 0);
    await sleep(200);
    assert.deepEqual(gone, ["c1"]);
  });

  test("with the data plane closed nothing keeps a Pod's namespace alive", async () => {
    await using world = await World.open();
    const [client, server] = [await world.livingPod(), await world.pod()];
    const plane = world.crossConnector();
    await plane.connect("c1", { client: kernel(client.path), server: kernel(server) }, connectionOf(), {
      signal: never,
    });
    await plane.close();
    client.process.kill("SIGKILL");
    await once(client.process, "exit");
    // The kernel takes down a namespace, and with it the pair, in its own time.
    for (let i = 0; i < 100 && (await leftIn(server)).length > 0; i++) await sleep(20);
    assert.deepEqual(await leftIn(server), []);
  });
});

/** The kernel data plane on one node: what connections get, keep and leave. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { cannotRun, connectionOf, kernel, leftIn, never, openFiles, pair, pings, World } from "./crossconnect-world.ts";

const skip = await cannotRun();

suite("kernel cross-connect on one node", { skip }, () => {
  test("a connection carries IPv4 and IPv6 both ways, and nothing of it is left after disconnect", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const sides = { client: kernel(client), server: kernel(server, "client-1") };
    const { metrics } = await plane.connect("c1", sides, connectionOf(), { signal: never });
    assert.deepEqual(metrics, { client_interface: "KERNEL/nsm-1", server_interface: "KERNEL/client-1" });
    for (const [from, to] of [
      [client, "10.0.0.2"],
      [client, "fd00::2"],
      [server, "10.0.0.1"],
      [server, "fd00::1"],
    ] as const) {
      assert.equal(await pings(from, to), 2, to);
    }
    await plane.disconnect("c1", { signal: never });
    assert.deepEqual([await leftIn(client), await leftIn(server)], [[], []]);
    assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
  });

  for (const [version, source, destination] of [
    ["IPv4", "10.0.0.1/32", "10.0.0.2"],
    ["IPv6", "fd00::1/128", "fd00::2"],
  ] as const) {
    test(`the very first ${version} packet after connecting arrives`, async () => {
      await using world = await World.open();
      const [client, server] = [await world.pod(), await world.pod()];
      const plane = world.crossConnector();
      const ip = { srcIpAddrs: [source], dstIpAddrs: [`${destination}/${version === "IPv4" ? 32 : 128}`] };
      for (let i = 0; i < 20; i++) {
        const payload = i % 2 === 0 ? "IP" : "ETHERNET";
        const sides = { client: kernel(client), server: kernel(server) };
        await plane.connect("c1", sides, connectionOf(ip, { payload }), { signal: never });
        const { received } = await client.handle.ping({ destination, timeoutMs: 500 });
        assert.equal(received, 1, `connection ${i}, payload ${payload}`);
        await plane.disconnect("c1", { signal: never });
      }
    });
  }

  test("a connection without addresses is a plain Ethernet link that is up", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    await plane.connect("c1", { client: kernel(client), server: kernel(server) }, connectionOf({}), { signal: never });
    const link = await client.handle.linkGet("nsm-1");
    assert.deepEqual([link.up, link.carrier, link.mtu], [true, true, 1500]);
    const addresses = await client.handle.addrList({ link: "nsm-1" });
    assert.deepEqual(
      addresses.filter((address) => address.scope === "global"),
      [],
    );
  });

  test("routes lead through the endpoint, and both ends have the connection's MTU", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    await server.handle.addrAdd({ link: "lo", address: "203.0.113.5/32" });
    await server.handle.addrAdd({ link: "lo", address: "2001:db8::5/128", nodad: true });
    const plane = world.crossConnector();
    const srcRoutes = [{ prefix: "203.0.113.0/24" }, { prefix: "2001:db8::/32", nextHop: "fd00::2" }];
    const connection = connectionOf({ ...pair, srcRoutes }, { mtu: 1400 });
    await plane.connect("c1", { client: kernel(client), server: kernel(server) }, connection, { signal: never });
    assert.equal(await pings(client, "203.0.113.5"), 2);
    assert.equal(await pings(client, "2001:db8::5"), 2);
    assert.equal((await client.handle.linkGet("nsm-1")).mtu, 1400);
    assert.equal((await server.handle.linkGet("nsm-1")).mtu, 1400);
  });

  test("a policy's packets go its way, others do not, and its rule leaves with the connection", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    await server.handle.addrAdd({ link: "lo", address: "203.0.113.5/32" });
    const plane = world.crossConnector();
    const connection = connectionOf({
      srcIpAddrs: ["10.0.0.1/32", "10.9.0.1/32"],
      dstIpAddrs: ["10.0.0.2/32"],
      dstRoutes: [{ prefix: "10.0.0.1/32" }, { prefix: "10.9.0.1/32" }],
      policies: [{ from: "10.9.0.1/32", routes: [{ prefix: "203.0.113.0/24" }] }],
    });
    await plane.connect("c1", { client: kernel(client), server: kernel(server) }, connection, { signal: never });
    assert.equal(await pings(client, "203.0.113.5", "10.9.0.1"), 2);
    assert.equal(await pings(client, "203.0.113.5", "10.0.0.1"), 0);
    await plane.disconnect("c1", { signal: never });
    assert.deepEqual(await leftIn(client), []);
  });

  test("static neighbours stand on both ends, and with payload IP the two ends know each other", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const ipNeighbors = [{ ip: "10.0.0.77", hardwareAddress: "02:00:00:00:00:77" }];
    const sides = { client: kernel(client), server: kernel(server) };
    await plane.connect("c1", sides, connectionOf({ ...pair, ipNeighbors }), { signal: never });
    const serverMac = (await server.handle.linkGet("nsm-1")).mac;
    const known = (await client.handle.neighList({ link: "nsm-1" })).filter((n) => n.state === "permanent");
    assert.deepEqual(
      new Map(known.map((n) => [n.address, n.mac])),
      new Map([
        ["10.0.0.2", serverMac],
        ["fd00::2", serverMac],
        ["10.0.0.77", "02:00:00:00:00:77"],
      ]),
    );
  });

  test("a refresh that changes nothing changes nothing in the kernel, and tells the traffic so far", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const refresh = () =>
      plane.connect("c1", { client: kernel(client), server: kernel(server) }, connectionOf(), { signal: never });
    await refresh();
    await pings(client, "10.0.0.2");
    const groups = ["link", "addr", "route", "rule"] as const;
    const monitors = [await client.handle.monitor({ groups }), await server.handle.monitor({ groups })];
    const seen: unknown[] = [];
    const watching = monitors.map(async (monitor) => {
      for await (const event of monitor) seen.push(event);
    });
    const { metrics } = await refresh();
    assert.equal(plane.size.namespaces, 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(seen, []);
    await plane.disconnect("c1", { signal: never });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.notDeepEqual(seen, [], "the monitors see changes");
    for (const monitor of monitors) await monitor.close();
    await Promise.all(watching);
    assert.ok(Number(metrics.client_rx_packets) >= 2, JSON.stringify(metrics));
    assert.equal(metrics.client_rx_packets, metrics.server_tx_packets);
    assert.equal(metrics.server_rx_bytes, metrics.client_tx_bytes);
  });

  test("an update changes addresses, routes, MTU and policies of the same link", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const sides = { client: kernel(client), server: kernel(server) };
    const policies = [{ from: "10.0.0.1/32", proto: "tcp" }];
    await plane.connect("c1", sides, connectionOf({ ...pair, policies }, { mtu: 1400 }), { signal: never });
    const { index } = await client.handle.linkGet("nsm-1");
    const changed = {
      srcIpAddrs: ["10.1.0.1/24", "fd00::1/64"],
      dstIpAddrs: ["10.1.0.2/24", "fd00::2/64"],
      srcRoutes: [{ prefix: "198.51.100.0/24" }],
      policies: [{ proto: "udp" }],
    };
    await plane.connect("c1", sides, connectionOf(changed, { mtu: 1300 }), { signal: never });
    const link = await client.handle.linkGet("nsm-1");
    assert.deepEqual([link.index, link.mtu], [index, 1300]);
    const addresses = (await client.handle.addrList({ link: "nsm-1" })).filter((a) => a.scope === "global");
    assert.deepEqual(addresses.map((a) => a.address).sort(), ["10.1.0.1/24", "fd00::1/64"]);
    const routes = (await client.handle.routeList({ protocol: 78, table: 254 })).map((r) => [r.destination, r.gateway]);
    assert.deepEqual(routes, [["198.51.100.0/24", "10.1.0.2"]]);
    const rules = (await client.handle.ruleList()).filter((rule) => rule.protocol === 78);
    assert.deepEqual(
      rules.map((rule) => [rule.ipProto, rule.from]),
      [[17, undefined]],
    );
    assert.equal(await pings(client, "10.1.0.2"), 2);
    assert.equal(await pings(server, "fd00::1"), 2);
    await plane.disconnect("c1", { signal: never });
    assert.deepEqual([await leftIn(client), await leftIn(server)], [[], []]);
  });

  test("a link without IPv6 gets it when the connection gets IPv6 addresses", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const sides = { client: kernel(client), server: kernel(server) };
    const v4 = { srcIpAddrs: ["10.0.0.1/32"], dstIpAddrs: ["10.0.0.2/32"] };
    await plane.connect("c1", sides, connectionOf(v4), { signal: never });
    assert.equal(await client.handle.sysctlGet("net/ipv6/conf/nsm-1/disable_ipv6"), "1");
    assert.equal(await pings(client, "10.0.0.2"), 2);
    await plane.connect("c1", sides, connectionOf(), { signal: never });
    assert.equal(await client.handle.sysctlGet("net/ipv6/conf/nsm-1/disable_ipv6"), "0");
    assert.equal(await pings(client, "fd00::2"), 2);
  });

  test("an update that the kernel refuses leaves the connection as it was", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const sides = { client: kernel(client), server: kernel(server) };
    await plane.connect("c1", sides, connectionOf(), { signal: never });
    const { index } = await client.handle.linkGet("nsm-1");
    // Nobody can be his own gateway.
    const wrong = {
      ...pair,
      srcIpAddrs: ["10.5.0.1/32"],
      srcRoutes: [{ prefix: "198.51.100.0/24", nextHop: "10.5.0.1" }],
    };
    await assert.rejects(plane.connect("c1", sides, connectionOf(wrong), { signal: never }), {
      message: /^connection c1: .*198\.51\.100\.0\/24/,
    });
    assert.equal((await client.handle.linkGet("nsm-1")).index, index);
    const addresses = (await client.handle.addrList({ link: "nsm-1" })).filter((a) => a.scope === "global");
    assert.deepEqual(addresses.map((a) => a.address).sort(), ["10.0.0.1/32", "fd00::1/128"]);
    assert.equal(await pings(client, "10.0.0.2"), 2);
    await plane.connect("c1", sides, connectionOf(), { signal: never });
    assert.equal((await client.handle.linkGet("nsm-1")).index, index);
  });

  test("a first request that the kernel refuses leaves nothing", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const policies = [{ from: "10.0.0.1/32" }];
    const wrong = { ...pair, policies, dstRoutes: [{ prefix: "198.51.100.0/24", nextHop: "10.0.0.2" }] };
    const sides = { client: kernel(client), server: kernel(server) };
    await assert.rejects(plane.connect("c1", sides, connectionOf(wrong), { signal: never }), {
      message: /^connection c1: /,
    });
    assert.deepEqual([await leftIn(client), await leftIn(server)], [[], []]);
    assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
  });

  test("a link that somebody deleted in the Pod is made again by the next refresh", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const refresh = () =>
      plane.connect("c1", { client: kernel(client), server: kernel(server) }, connectionOf(), { signal: never });
    await refresh();
    await client.handle.linkDelete("nsm-1");
    await refresh();
    assert.equal(await pings(client, "10.0.0.2"), 2);
  });

  test("a link that was renamed in the Pod is removed, and a link that got its name is not", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const sides = { client: kernel(client), server: kernel(server) };
    await plane.connect("c1", sides, connectionOf(), { signal: never });
    await client.handle.linkSet("nsm-1", { up: false });
    await client.handle.linkSet("nsm-1", { name: "mine" });
    await client.handle.linkAdd({ kind: "veth", name: "nsm-1", peer: { name: "other" } });
    await plane.disconnect("c1", { signal: never });
    assert.deepEqual((await leftIn(client)).sort(), ["link nsm-1", "link other"]);
    assert.deepEqual(await leftIn(server), []);
  });

  test("an endpoint that moved to another namespace gets a new link, the old one is gone", async () => {
    await using world = await World.open();
    const [client, server, other] = [await world.pod(), await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    await plane.connect("c1", { client: kernel(client), server: kernel(server) }, connectionOf(), { signal: never });
    await plane.connect("c1", { client: kernel(client), server: kernel(other) }, connectionOf(), { signal: never });
    assert.equal(await pings(client, "10.0.0.2"), 2);
    assert.equal(await pings(other, "10.0.0.1"), 2);
    assert.deepEqual(await leftIn(server), []);
    assert.equal(plane.size.namespaces, 2);
  });

  test("disconnecting what is not connected does nothing", async () => {
    await using world = await World.open();
    await world.crossConnector().disconnect("never-heard-of", { signal: never });
  });

  test("500 connections made and removed side by side leave no link, file or namespace", async () => {
    await using world = await World.open();
    const server = await world.pod();
    const clients = await Promise.all(Array.from({ length: 10 }, () => world.pod()));
    const plane = world.crossConnector();
    const before = openFiles();
    const ids = Array.from({ length: 500 }, (_, i) => i);
    const connect = async (i: number): Promise<void> => {
      const client = clients[i % clients.length];
      assert.ok(client);
      const [src, dst] = [`10.${i >> 6}.${(i & 63) << 2}.1/32`, `10.${i >> 6}.${(i & 63) << 2}.2/32`];
      const sides = { client: kernel(client, `c${i}`), server: kernel(server, `s${i}`) };
      const ip = { srcIpAddrs: [src], dstIpAddrs: [dst], policies: [{ from: src }] };
      await plane.connect(`c${i}`, sides, connectionOf(ip, { id: `c${i}` }), { signal: never });
    };
    await Promise.all(ids.map(connect));
    assert.deepEqual(plane.size, { connections: 500, namespaces: 11, names: 1000 });
    assert.equal((await server.handle.linkList({ kind: "veth" })).length, 500);
    await Promise.all(ids.map((i) => plane.disconnect(`c${i}`, { signal: never })));
    for (const pod of [server, ...clients]) assert.deepEqual(await leftIn(pod), []);
    assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
    assert.deepEqual(openFiles(), before);
  });
});

/** Interface names that are taken: by others, by connections, by what is just leaving. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { cannotRun, connectionOf, kernel, leftIn, never, pings, World } from "./crossconnect-world.ts";

const skip = await cannotRun();

suite("interface names of cross-connects", { skip }, () => {
  test("a name that somebody else's link has is refused, that link stays and nothing else is left", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    await server.handle.linkAdd({ kind: "bridge", name: "nsm-1", alias: "uplink" });
    const sides = { client: kernel(client), server: kernel(server) };
    await assert.rejects(plane.connect("c1", sides, connectionOf(), { signal: never }), {
      code: "ALREADY_EXISTS",
      message: /connection c1: interface nsm-1 exists in the server's network namespace and is not ours/,
    });
    assert.deepEqual([await leftIn(client), await leftIn(server)], [[], ["link nsm-1"]]);
    assert.equal((await server.handle.linkGet("nsm-1")).alias, "uplink");
    await server.handle.linkDelete("nsm-1");
    await plane.connect("c1", sides, connectionOf(), { signal: never });
  });

  test("a name that another connection has is refused, and that connection goes on", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    await plane.connect("c1", { client: kernel(client), server: kernel(server, "a") }, connectionOf(), {
      signal: never,
    });
    const second = plane.connect("c2", { client: kernel(client), server: kernel(server, "b") }, connectionOf(), {
      signal: never,
    });
    await assert.rejects(second, { code: "CONFLICT", message: /nsm-1 of the client belongs to connection c1/ });
    assert.equal(await pings(client, "10.0.0.2"), 2);
    assert.deepEqual(await leftIn(server).then((left) => left.filter((what) => what.startsWith("link"))), ["link a"]);
    assert.equal(plane.size.names, 2);
  });

  test("one link for both ends of one namespace needs two names", async () => {
    await using world = await World.open();
    const pod = await world.pod();
    const plane = world.crossConnector();
    const sides = { client: kernel(pod), server: kernel(pod) };
    await assert.rejects(plane.connect("c1", sides, connectionOf({}), { signal: never }), { code: "INVALID_ARGUMENT" });
    await plane.connect("c1", { client: kernel(pod), server: kernel(pod, "nsm-2") }, connectionOf({}), {
      signal: never,
    });
    await plane.disconnect("c1", { signal: never });
    assert.deepEqual(await leftIn(pod), []);
  });

  test("a client that comes again under a new id while its old link is being removed gets the name", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const sides = { client: kernel(client), server: kernel(server) };
    await plane.connect("old", sides, connectionOf(), { signal: never });
    const left = plane.disconnect("old", { signal: never });
    await plane.connect("new", sides, connectionOf(), { signal: never });
    await left;
    assert.equal(await pings(client, "10.0.0.2"), 2);
    assert.match((await client.handle.linkGet("nsm-1")).alias ?? "", /\/new\/client$/);
  });

  test("close and request of one id in one breath end in the order they came", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const connect = () =>
      plane.connect("c1", { client: kernel(client), server: kernel(server) }, connectionOf(), { signal: never });
    const close = () => plane.disconnect("c1", { signal: never });
    await Promise.all([connect(), close(), connect(), close(), connect()]);
    assert.equal(await pings(client, "10.0.0.2"), 2);
    await Promise.all([close(), connect(), close()]);
    assert.deepEqual([await leftIn(client), await leftIn(server)], [[], []]);
  });

  test("a link that another forwarder made is refused, and not counted or removed as ours", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const [ours, theirs] = [world.crossConnector({ owner: "one" }), world.crossConnector({ owner: "two" })];
    const sides = { client: kernel(client), server: kernel(server) };
    await theirs.connect("c1", sides, connectionOf(), { signal: never });
    await assert.rejects(ours.connect("c1", sides, connectionOf(), { signal: never }), {
      code: "ALREADY_EXISTS",
      message: /belongs to another forwarder \(two\)/,
    });
    assert.deepEqual(await ours.removeLeftovers({ signal: never }), []);
    assert.equal(await pings(client, "10.0.0.2"), 2);
  });

  test("when of two connections with one route the last is closed, the other has the route again", async () => {
    await using world = await World.open();
    const client = await world.pod();
    const servers = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    for (const [n, server] of servers.entries()) {
      await server.handle.addrAdd({ link: "lo", address: "203.0.113.5/32" });
      const ip = {
        srcIpAddrs: [`10.0.${n}.1/32`],
        dstIpAddrs: [`10.0.${n}.2/32`],
        srcRoutes: [{ prefix: "203.0.113.0/24" }],
        dstRoutes: [{ prefix: `10.0.${n}.1/32` }],
      };
      const sides = { client: kernel(client, `c${n}`), server: kernel(server) };
      await plane.connect(`c${n}`, sides, connectionOf(ip, { id: `c${n}` }), { signal: never });
    }
    const route = async () => (await client.handle.routeList()).find((r) => r.destination === "203.0.113.0/24");
    assert.equal((await route())?.gateway, "10.0.1.2");
    assert.equal(await pings(client, "203.0.113.5"), 2);
    await plane.disconnect("c1", { signal: never });
    assert.equal((await route())?.gateway, "10.0.0.2");
    assert.equal(await pings(client, "203.0.113.5"), 2);
  });

  test("an id that does not fit a link's alias works like any other", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const id = `a connection/with ${"a long id ".repeat(40)}`;
    const sides = { client: kernel(client), server: kernel(server) };
    for (let i = 0; i < 2; i++) await plane.connect(id, sides, connectionOf(), { signal: never });
    assert.deepEqual(await plane.list({ signal: never }).then((ids) => ids.includes(id)), true);
    await plane.disconnect(id, { signal: never });
    assert.deepEqual(await leftIn(client), []);
  });
});

/** The kernel data plane between two nodes, played by two namespaces on an underlay. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { KernelCrossConnectorOptions } from "@nsmkit/agent/crossconnect";
import { messageOf } from "@nsmkit/core";
import {
  cannotRun,
  connectionOf,
  inNode,
  kernel,
  leftIn,
  never,
  openFiles,
  type Pod,
  pings,
  vxlan,
  World,
} from "./crossconnect-world.ts";

async function withoutVxlan(): Promise<string | false> {
  const reason = await cannotRun();
  if (reason !== false) return reason;
  await using world = await World.open();
  const { handle } = await world.pod();
  try {
    await handle.linkAdd({ kind: "vxlan", name: "vx", id: 1, local: "127.0.0.1", remote: "127.0.0.2" });
    return false;
  } catch (error) {
    return `needs VXLAN links: ${messageOf(error)}`;
  }
}

const skip = await withoutVxlan();

/** Two nodes with a Pod each and a data plane each. */
async function twoNodes(world: World, options: Partial<KernelCrossConnectorOptions> = {}) {
  const [one, two] = await world.nodes();
  const [client, server] = [await world.pod(), await world.pod()];
  const plane = (node: Pod, tunnelIp: string) =>
    world.crossConnector({ netlink: inNode(world.netlink, node), tunnelIp, ...options });
  return { one, two, client, server, planeOne: plane(one, "192.0.2.1"), planeTwo: plane(two, "192.0.2.2"), plane };
}

suite("kernel cross-connect across nodes", { skip }, () => {
  test("a tunnel carries IPv4 and IPv6 with packets of its full MTU, and nothing of it is left", async () => {
    await using world = await World.open();
    const { client, server, planeOne, planeTwo } = await twoNodes(world);
    const far = await planeTwo.connect("c2", { client: vxlan(), server: kernel(server) }, connectionOf(), {
      signal: never,
    });
    const near = await planeOne.connect("c1", { client: kernel(client), server: vxlan() }, connectionOf(), {
      signal: never,
    });
    assert.deepEqual(near.metrics, { client_interface: "KERNEL/nsm-1" });
    assert.deepEqual(far.metrics, { server_interface: "KERNEL/nsm-1" });
    assert.equal((await client.handle.linkGet("nsm-1")).mtu, 1446);
    assert.equal(await pings(client, "10.0.0.2"), 2);
    assert.equal(await pings(server, "fd00::1"), 2);
    // 20 bytes of IPv4 and 8 of ICMP make it exactly the MTU.
    const full = await client.handle.ping({ destination: "10.0.0.2", size: 1446 - 28, timeoutMs: 500 });
    assert.equal(full.received, 1);
    await Promise.all([planeOne.disconnect("c1", { signal: never }), planeTwo.disconnect("c2", { signal: never })]);
    assert.deepEqual([await leftIn(client), await leftIn(server)], [[], []]);
    assert.deepEqual(planeOne.size, { connections: 0, namespaces: 0, names: 0 });
  });

  test("a smaller MTU of the connection is the link's, and a change of it keeps the link", async () => {
    await using world = await World.open();
    const { client, planeOne } = await twoNodes(world);
    const connect = (mtu: number) =>
      planeOne.connect("c1", { client: kernel(client), server: vxlan() }, connectionOf(undefined, { mtu }), {
        signal: never,
      });
    await connect(1300);
    const { index } = await client.handle.linkGet("nsm-1");
    await connect(1500);
    const link = await client.handle.linkGet("nsm-1");
    assert.deepEqual([link.mtu, link.index], [1446, index]);
  });

  test("when the far node changes the tunnel is made anew", async () => {
    await using world = await World.open();
    const { client, planeOne } = await twoNodes(world);
    const connect = (dst_ip: string) =>
      planeOne.connect("c1", { client: kernel(client), server: vxlan({ dst_ip }) }, connectionOf(), { signal: never });
    await connect("192.0.2.2");
    await connect("192.0.2.3");
    const { info } = await client.handle.linkGet("nsm-1");
    assert.equal(info?.kind === "vxlan" && info.remote, "192.0.2.3");
    assert.equal((await leftIn(client)).filter((what) => what.startsWith("link")).length, 1);
  });

  test("a VNI that is taken on the node is a conflict that another attempt can solve, and leaves nothing", async () => {
    await using world = await World.open();
    const { client, planeOne } = await twoNodes(world);
    const other = await world.pod();
    await planeOne.connect("c1", { client: kernel(client), server: vxlan() }, connectionOf(), { signal: never });
    const again = (vni: string) =>
      planeOne.connect("c2", { client: kernel(other), server: vxlan({ vni, dst_ip: "192.0.2.9" }) }, connectionOf(), {
        signal: never,
      });
    await assert.rejects(again("4242"), {
      code: "CONFLICT",
      retryable: true,
      message: /connection c2: VNI 4242 is in use on UDP port 4789 of this node/,
    });
    assert.deepEqual(await leftIn(other), []);
    assert.equal(planeOne.size.names, 1);
    await again("4244");
  });

  test("after a restart the tunnel is taken over as it stands, and made anew if its parameters changed", async () => {
    await using world = await World.open();
    const { one, client, server, planeOne, planeTwo, plane } = await twoNodes(world);
    await planeTwo.connect("c2", { client: vxlan(), server: kernel(server) }, connectionOf(), { signal: never });
    const sides = { client: kernel(client), server: vxlan() };
    await planeOne.connect("c1", sides, connectionOf(), { signal: never });
    const { index } = await client.handle.linkGet("nsm-1");
    await planeOne.close();
    const second = plane(one, "192.0.2.1");
    await second.connect("c1", sides, connectionOf(), { signal: never });
    assert.equal((await client.handle.linkGet("nsm-1")).index, index);
    assert.equal(await pings(client, "10.0.0.2"), 2);
    await second.close();
    const third = plane(one, "192.0.2.1");
    await third.connect("c1", { ...sides, server: vxlan({ vni: "4246" }) }, connectionOf(), { signal: never });
    const { info } = await client.handle.linkGet("nsm-1");
    assert.equal(info?.kind === "vxlan" && info.id, 4246);
  });

  test("after a restart a tunnel whose end shall have another name is renamed, not in its own way", async () => {
    await using world = await World.open();
    const { two, client, server, planeOne, planeTwo, plane } = await twoNodes(world);
    const connect = (to: typeof planeTwo, name: string) =>
      to.connect("c2", { client: vxlan(), server: kernel(server, name) }, connectionOf(), { signal: never });
    await connect(planeTwo, "old");
    await planeOne.connect("c1", { client: kernel(client), server: vxlan() }, connectionOf(), { signal: never });
    const { index } = await server.handle.linkGet("old");
    await planeTwo.close();
    await connect(plane(two, "192.0.2.2"), "new");
    assert.equal((await server.handle.linkGet("new")).index, index);
    assert.equal(await pings(client, "10.0.0.2"), 2);
  });

  test("the two nodes of one machine do not take each other's links for leftovers", async () => {
    await using world = await World.open();
    const { server, planeOne, planeTwo } = await twoNodes(world);
    const pod = await world.livingPod();
    await planeOne.connect("c1", { client: kernel(pod.path), server: vxlan() }, connectionOf(), { signal: never });
    await planeTwo.connect("c2", { client: vxlan(), server: kernel(server) }, connectionOf(), { signal: never });
    assert.deepEqual(await planeTwo.list({ signal: never }), ["c2"]);
    assert.deepEqual(await planeTwo.removeLeftovers({ signal: never }), []);
    assert.deepEqual(await planeOne.list({ signal: never }), ["c1"]);
  });

  test("without a tunnel address a remote side is refused", async () => {
    await using world = await World.open();
    const client = await world.pod();
    const plane = world.crossConnector();
    const connecting = plane.connect("c1", { client: kernel(client), server: vxlan() }, connectionOf(), {
      signal: never,
    });
    await assert.rejects(connecting, { code: "UNSUPPORTED" });
  });

  test("a hundred tunnels made and removed leave no link and no file", async () => {
    await using world = await World.open();
    const { client, planeOne } = await twoNodes(world);
    const before = openFiles();
    const ids = Array.from({ length: 100 }, (_, i) => i);
    const side = (i: number) => ({ client: kernel(client, `t${i}`), server: vxlan({ vni: String(1000 + i) }) });
    const ip = (i: number) => ({ srcIpAddrs: [`10.0.${i}.1/32`] });
    await Promise.all(ids.map((i) => planeOne.connect(`c${i}`, side(i), connectionOf(ip(i)), { signal: never })));
    assert.equal((await client.handle.linkList({ kind: "vxlan" })).length, 100);
    await Promise.all(ids.map((i) => planeOne.disconnect(`c${i}`, { signal: never })));
    assert.deepEqual(await leftIn(client), []);
    assert.deepEqual(openFiles(), before);
  });
});

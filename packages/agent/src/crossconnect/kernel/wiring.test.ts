import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import type { Link, Netns } from "@nsmkit/netlink";
import { connectionOf, kernelSide, vxlanSide } from "./fixtures/connection.ts";
import { emptyPlan } from "./interface-plan.ts";
import { markOf, type Side } from "./mark.ts";
import { isWired, linkStep, macOf, planWiring, type Wiring } from "./wiring.ts";

const netns = { fd: 7 } as unknown as Netns;
const end = (side: Side) => ({ side, key: `4:${side}`, netns, plan: { ...emptyPlan(`nsm-${side}`), mtu: 1400 } });
const local: Wiring = { connectionId: "c1", owner: "o", ends: [end("client"), end("server")], tunnel: undefined };
const tunnel = { vni: 7, local: "192.0.2.1", remote: "192.0.2.2", port: 4789 };
const remote: Wiring = { connectionId: "c1", owner: "o", ends: [end("client")], tunnel };
const both = ["KERNEL", "VXLAN"];

const link = (index: number, side: Side, more: Partial<Link> = {}): Link =>
  ({ index, alias: markOf("o", "c1", side), up: true, carrier: true, ...more }) as Link;

test("two sides on this node are one veth pair, marked and up, each end in its namespace", () => {
  const [op] = linkStep(local).ops;
  assert.ok(op?.op === "linkAdd" && op.link.kind === "veth");
  for (const [side, given] of [["client", op.link] as const, ["server", op.link.peer] as const]) {
    const { name, mac, alias, up, mtu } = given;
    assert.deepEqual(
      { name, mac, alias, up, mtu },
      { name: `nsm-${side}`, mac: macOf("c1", side), alias: `nsmkit/o/c1/${side}`, up: true, mtu: 1400 },
    );
    assert.equal(given.netns, netns);
  }
});

test("a remote side is a VXLAN link that stands in the Pod and whose socket stays in our namespace", () => {
  const step = linkStep(remote);
  const [op] = step.ops;
  assert.equal(step.netns, undefined);
  assert.ok(op?.op === "linkAdd" && op.link.kind === "vxlan");
  const { id, local: from, remote: to, port, learning } = op.link;
  assert.deepEqual([id, from, to, port, learning], [7, "192.0.2.1", "192.0.2.2", 4789, false]);
  assert.equal(op.link.netns, netns);
});

test("of a tunnel, the client's forwarder is src and the endpoint's is dst, whichever we are", () => {
  const plan = (sides: Parameters<typeof planWiring>[1]) => planWiring("c1", sides, connectionOf(), both).tunnel;
  assert.deepEqual(plan({ client: kernelSide(), server: vxlanSide() }), tunnel);
  assert.deepEqual(plan({ client: vxlanSide(), server: kernelSide() }), {
    ...tunnel,
    local: "192.0.2.2",
    remote: "192.0.2.1",
  });
});

test("both ends have the smaller of the connection's and the tunnel's MTU", () => {
  const sides = { client: kernelSide(), server: vxlanSide({ MTU: "1446" }) };
  const mtu = (of: number) => planWiring("c1", sides, connectionOf({ mtu: of }), both).interfaces[0]?.plan.mtu;
  assert.deepEqual([mtu(0), mtu(1500), mtu(1300)], [1446, 1446, 1300]);
});

test("with payload IP each end knows the other's MAC, unless the connection names another", () => {
  const sides = { client: kernelSide(), server: kernelSide({ name: "nsm-2" }) };
  const ip = {
    srcIpAddrs: ["10.0.0.1/32"],
    dstIpAddrs: ["10.0.0.2/32", "10.0.0.3/32"],
    ipNeighbors: [{ ip: "10.0.0.3", hardwareAddress: "02:00:00:00:00:03" }],
  };
  const [client, server] = planWiring("c1", sides, connectionOf({ payload: "IP", ip }), both).interfaces;
  assert.deepEqual(client?.plan.neighbors, [
    { ip: "10.0.0.2", mac: macOf("c1", "server") },
    { ip: "10.0.0.3", mac: "02:00:00:00:00:03" },
  ]);
  assert.equal(server?.plan.neighbors[0]?.mac, macOf("c1", "client"));
  const ethernet = planWiring("c1", sides, connectionOf({ payload: "ETHERNET", ip }), both).interfaces;
  assert.deepEqual(
    ethernet[0]?.plan.neighbors.map((n) => n.ip),
    ["10.0.0.3"],
  );
});

test("a MAC of ours is unicast, locally administered and the same each time", () => {
  for (let i = 0; i < 100; i++) {
    const mac = macOf(`c${i}`, "client");
    assert.equal(Number.parseInt(mac.slice(0, 2), 16) & 3, 2, mac);
    assert.equal(mac, macOf(`c${i}`, "client"));
    assert.notEqual(mac, macOf(`c${i}`, "server"));
  }
});

test("mechanisms that this plane does not have are refused, and so is a tunnel on both sides", () => {
  const refused = (sides: Parameters<typeof planWiring>[1], mechanisms = both): void => {
    assert.throws(
      () => planWiring("c1", sides, connectionOf(), mechanisms),
      (error) => isCodedError(error, "UNSUPPORTED"),
    );
  };
  const memif = { mechanism: { cls: "LOCAL", type: "MEMIF", parameters: {} } };
  refused({ client: kernelSide(), server: memif });
  refused({ client: vxlanSide(), server: vxlanSide() });
  refused({ client: kernelSide(), server: vxlanSide() }, ["KERNEL"]);
});

test("tunnel parameters that cannot work are refused by name", () => {
  const refused = (parameters: Record<string, string>, pattern: RegExp): void => {
    assert.throws(
      () => planWiring("c1", { client: kernelSide(), server: vxlanSide(parameters) }, connectionOf(), both),
      (error) => isCodedError(error, "INVALID_ARGUMENT") && pattern.test(error.message),
      JSON.stringify(parameters),
    );
  };
  refused({ vni: "" }, /vni/);
  refused({ vni: "0" }, /vni is "0"/);
  refused({ vni: "16777216" }, /vni/);
  refused({ src_ip: "node-1" }, /src_ip is "node-1"/);
  refused({ dst_ip: "" }, /dst_ip/);
  refused({ dst_ip: "fd00::1" }, /dst_ip.*same IP version/);
  refused({ dst_ip: "192.0.2.1" }, /dst_ip.*each its own/);
  refused({ dst_port: "65536" }, /dst_port/);
  refused({ src_port: "8472" }, /src_port is "8472"; dst_port is 4789; set NSM_VXLAN_PORT alike/);
  refused({ MTU: "12" }, /MTU/);
});

test("a veth pair is taken over only if its two ends are each other's, marked, up and with carrier", () => {
  const pair = [link(3, "client", { kind: "veth", peer: 9 }), link(9, "server", { kind: "veth", peer: 3 })] as const;
  assert.equal(isWired(local, pair), true);
  assert.equal(isWired(local, [pair[0], undefined]), false);
  assert.equal(isWired(local, [pair[0], { ...pair[1], peer: 4 }]), false);
  assert.equal(isWired(local, [pair[0], { ...pair[1], alias: markOf("o", "c2", "server") }]), false);
  assert.equal(isWired(local, [{ ...pair[0], up: false }, pair[1]]), false);
  assert.equal(isWired(local, [pair[0], { ...pair[1], carrier: false }]), false);
});

test("a tunnel is taken over only if VNI, addresses and port are the wanted ones", () => {
  const { vni: id, ...rest } = tunnel;
  const info = { kind: "vxlan", id, ...rest, learning: false, ttl: 0 } as const;
  assert.equal(isWired(remote, [link(3, "client", { kind: "vxlan", info })]), true);
  assert.equal(isWired(remote, [link(3, "client", { kind: "vxlan", info: { ...info, remote: "192.0.2.9" } })]), false);
  assert.equal(isWired(remote, [link(3, "client", { kind: "vxlan", info: { ...info, id: 8 } })]), false);
  assert.equal(isWired(remote, [link(3, "client", { kind: "veth" })]), false);
});

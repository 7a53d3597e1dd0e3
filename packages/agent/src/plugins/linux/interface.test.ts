import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./testing.ts";

const pair = `linuxConfig:
  interfaces:
  - {name: a, type: VETH, enabled: true, ip_addresses: [10.0.0.1/24], veth: {peer_if_name: b}}
  - {name: b, type: VETH, enabled: true, host_if_name: eth0, namespace: {type: NSID, reference: pod}, ip_addresses: [10.0.0.2/24, "fd00::2/64"], phys_address: "02-00-00-00-00-02", mtu: 1400, veth: {peer_if_name: a}}
`;

test("both ends of a VETH come with one request, each under its name in its namespace, marked and addressed", async () => {
  await using w = await World.start();
  await w.declare(pair);
  assert.equal(w.writes().filter((op) => op === "linkAdd").length, 1);
  const near = await w.own.linkGet("a");
  assert.deepEqual([near.alias, near.up, near.mtu], ["/vnf-agent/nat/a/b", true, 1500]);
  const pod = await w.namespace("pod");
  const far = await pod.linkGet("eth0");
  assert.deepEqual([far.alias, far.up, far.mac, far.mtu], ["/vnf-agent/nat/b/a", true, "02:00:00:00:00:02", 1400]);
  assert.deepEqual(await w.addresses("a"), ["10.0.0.1/24"]);
  assert.deepEqual(await w.addresses("eth0", pod), ["10.0.0.2/24", "fd00::2/64"]);
});

test("one end of a VETH waits for the other to be declared", async () => {
  await using w = await World.start();
  await w.declare("linuxConfig: {interfaces: [{name: a, type: VETH, veth: {peer_if_name: b}}]}");
  assert.deepEqual([w.interface("a").state, w.interface("a").details], ["PENDING", ["other end b"]]);
});

test("ends of VETHs that do not name each other say so", async () => {
  await using w = await World.start();
  await w.declare(
    `linuxConfig: {interfaces: [{name: a, type: VETH, veth: {peer_if_name: b}}, {name: b, type: VETH, veth: {peer_if_name: c}}, {name: c, type: VETH, veth: {peer_if_name: b}}]}`,
  );
  assert.match(
    w.interface("a").error ?? "",
    /field "veth.peer_if_name" is "b", whose own peer is "c"; make the two name each other/,
  );
});

test("withdrawing one end takes the pair down and leaves the other end waiting", async () => {
  await using w = await World.start();
  await w.declare(pair);
  await w.declare("linuxConfig: {interfaces: [{name: a, type: VETH, veth: {peer_if_name: b}}]}");
  await assert.rejects(w.own.linkGet("a"), { code: "NOT_FOUND" });
  assert.equal(w.interface("a").state, "PENDING");
});

test("links withdrawn together go with one request", async () => {
  await using w = await World.start();
  const many = Array.from({ length: 20 }, (_, i) => `{name: d${i}, type: DUMMY}`).join(", ");
  await w.declare(`linuxConfig: {interfaces: [${many}]}`);
  w.netlink.attempted.length = 0;
  await w.declare("linuxConfig: {interfaces: []}");
  assert.deepEqual(w.writes(), ["linkDelete"]);
  assert.deepEqual(
    (await w.own.linkList()).map(({ name }) => name),
    ["lo"],
  );
});

test("a link of somebody else is not touched, and the error names it", async () => {
  await using w = await World.start();
  await w.own.linkAdd({ kind: "dummy", name: "a", alias: "/vnf-agent/other/a" });
  await w.declare("linuxConfig: {interfaces: [{name: a, type: DUMMY, enabled: true}]}");
  assert.equal(
    w.interface("a").error,
    'linux.interfaces interface "a": the link "a" exists already and is not this agent\'s (alias "/vnf-agent/other/a"); choose another host_if_name',
  );
  await w.declare("linuxConfig: {interfaces: []}");
  assert.equal((await w.own.linkGet("a")).up, false);
});

test("a type that the kernel lacks is named", async () => {
  await using w = await World.start({ unsupportedKinds: ["dummy"] });
  await w.declare("linuxConfig: {interfaces: [{name: a, type: DUMMY}]}");
  assert.deepEqual(
    [w.interface("a").state, w.interface("a").error],
    [
      "FAILED",
      'linux.interfaces interface "a": cannot add dummy link "a": this kernel has no link type "dummy"; load its module (modprobe dummy) or use a kernel that has it',
    ],
  );
});

test("settings change in place; another link type, name or namespace makes a new link", async () => {
  await using w = await World.start();
  await w.declare("linuxConfig: {interfaces: [{name: a, type: DUMMY, enabled: true, mtu: 9000}]}");
  const { index } = await w.own.linkGet("a");
  await w.declare("linuxConfig: {interfaces: [{name: a, type: DUMMY, phys_address: '02:00:00:00:00:09'}]}");
  const changed = await w.own.linkGet("a");
  assert.deepEqual([changed.index, changed.up, changed.mtu, changed.mac], [index, false, 1500, "02:00:00:00:00:09"]);
  await w.declare("linuxConfig: {interfaces: [{name: a, type: DUMMY, host_if_name: other}]}");
  assert.deepEqual((await w.own.linkList()).map(({ name }) => name).sort(), ["lo", "other"]);
});

test("addresses come and go without touching the others", async () => {
  await using w = await World.start();
  const dummy = (addresses: string) =>
    `linuxConfig: {interfaces: [{name: a, type: DUMMY, enabled: true, ip_addresses: [${addresses}]}]}`;
  await w.declare(dummy("10.0.0.1/24, 10.1.0.1/24"));
  w.netlink.attempted.length = 0;
  await w.declare(dummy("10.0.0.1/24, 10.2.0.1/24"));
  assert.deepEqual(await w.addresses("a"), ["10.0.0.1/24", "10.2.0.1/24"]);
  assert.deepEqual(w.writes().sort(), ["addrDelete", "addrReplace"]);
});

const existing =
  "linuxConfig: {interfaces: [{name: up, type: EXISTING, host_if_name: eth1, enabled: true, mtu: 1400, phys_address: '02:00:00:00:00:07', ip_addresses: [10.0.0.1/24]}]}";

test("EXISTING waits for its link to exist, then sets what is declared even on a link that is down", async () => {
  await using w = await World.start();
  await w.declare(existing);
  assert.deepEqual([w.interface("up").state, w.interface("up").details], ["PENDING", ["link eth1 exists"]]);
  await w.own.linkAdd({ kind: "veth", name: "eth1", peer: { name: "far" } });
  await w.settle();
  const link = await w.own.linkGet("eth1");
  assert.deepEqual(
    [w.interface("up").state, link.up, link.mtu, link.mac, link.alias],
    ["CONFIGURED", true, 1400, "02:00:00:00:00:07", undefined],
  );
  assert.deepEqual(await w.addresses("eth1"), ["10.0.0.1/24"]);
});

test("EXISTING leaves alone what is not declared, and on withdrawal everything but its addresses", async () => {
  await using w = await World.start();
  await w.own.linkAdd({ kind: "dummy", name: "eth1", mtu: 1300, up: true });
  await w.own.addrAdd({ link: "eth1", address: "192.0.2.1/24" });
  await w.declare(
    "linuxConfig: {interfaces: [{name: up, type: EXISTING, host_if_name: eth1, ip_addresses: [10.0.0.1/24]}]}",
  );
  let link = await w.own.linkGet("eth1");
  assert.deepEqual([link.up, link.mtu], [true, 1300]);
  await w.declare("linuxConfig: {interfaces: []}");
  link = await w.own.linkGet("eth1");
  assert.deepEqual([link.up, link.mtu, await w.addresses("eth1")], [true, 1300, ["192.0.2.1/24"]]);
});

test("a link that takes the place of an EXISTING one gets the addresses again", async () => {
  await using w = await World.start();
  const make = () => w.own.linkAdd({ kind: "dummy", name: "eth1" });
  await make();
  await w.declare(existing);
  await w.own.linkDelete("eth1");
  await make();
  await w.settle();
  assert.deepEqual([(await w.own.linkGet("eth1")).up, await w.addresses("eth1")], [true, ["10.0.0.1/24"]]);
});

test("link_only waits for addresses that somebody else sets", async () => {
  await using w = await World.start();
  await w.own.linkAdd({ kind: "dummy", name: "eth1", up: true });
  await w.declare(
    "linuxConfig: {interfaces: [{name: up, type: EXISTING, host_if_name: eth1, link_only: true, ip_addresses: [10.0.0.1/24]}]}",
  );
  const address = () => w.agent.scheduler.status("linux/interface/up/address/existing/10.0.0.1/24").value;
  assert.deepEqual([address().state, address().details], ["PENDING", ["address 10.0.0.1/24 on eth1"]]);
  await w.own.addrAdd({ link: "eth1", address: "10.0.0.1/24" });
  await w.settle();
  assert.equal(address().state, "CONFIGURED");
});

test("the loopback is marked while declared, and unmarked but up afterwards", async () => {
  await using w = await World.start();
  await w.declare(
    "linuxConfig: {interfaces: [{name: loop, type: LOOPBACK, enabled: true, ip_addresses: [10.9.9.9/32]}]}",
  );
  assert.equal((await w.own.linkGet("lo")).alias, "/vnf-agent/nat/loop");
  await w.declare("linuxConfig: {interfaces: []}");
  const lo = await w.own.linkGet("lo");
  assert.deepEqual([lo.alias ?? "", lo.up, (await w.addresses("lo")).includes("10.9.9.9/32")], ["", true, false]);
});

test("addresses wait for the VRF of their interface, and its routes go into the VRF's table", async () => {
  await using w = await World.start();
  await w.declare(`linuxConfig:
  interfaces:
  - {name: a, type: DUMMY, enabled: true, vrf_master_interface: red, ip_addresses: [10.0.0.1/24]}
  routes:
  - {outgoing_interface: a, dst_network: 10.1.0.0/16, gw_addr: 10.0.0.2}`);
  assert.deepEqual(await w.addresses("a"), []);
  await w.declare(`linuxConfig:
  interfaces:
  - {name: red, type: VRF_DEVICE, enabled: true, vrf_dev: {routing_table: 100}}
  - {name: a, type: DUMMY, enabled: true, vrf_master_interface: red, ip_addresses: [10.0.0.1/24]}
  routes:
  - {outgoing_interface: a, dst_network: 10.1.0.0/16, gw_addr: 10.0.0.2}`);
  const red = await w.own.linkGet("red");
  assert.deepEqual([(await w.own.linkGet("a")).master, await w.addresses("a")], [red.index, ["10.0.0.1/24"]]);
  assert.deepEqual(
    (await w.own.routeList({ protocol: 79 })).map(({ table }) => table),
    [100],
  );
});

test("an interface in the namespace of a microservice that does not run waits for it; the agent's own label is its own namespace", async () => {
  await using w = await World.start();
  await w.declare(
    `linuxConfig: {interfaces: [{name: a, type: DUMMY, namespace: {type: MICROSERVICE, reference: other}}, {name: b, type: DUMMY, namespace: {type: MICROSERVICE, reference: nat}}]}`,
  );
  assert.deepEqual([w.interface("a").state, w.interface("a").details], ["PENDING", ["microservice other"]]);
});

test("two interfaces on one link are refused before anything happens, naming both", async () => {
  await using w = await World.start();
  assert.throws(
    () =>
      w.agent.northbound.apply([
        {
          source: "x",
          put: w.items(
            "linuxConfig: {interfaces: [{name: a, type: DUMMY, host_if_name: x}, {name: b, type: DUMMY, host_if_name: x}]}",
          ),
        },
      ]),
    /interface "b": its link "x" is that of interface "a" \(test:1:28: linuxConfig.interfaces\[0\]\) too; choose another host_if_name or namespace/,
  );
  assert.deepEqual(
    w.writes().filter((op) => op === "linkAdd"),
    [],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./testing.ts";

const everything = `linuxConfig:
  interfaces:
  - {name: d, type: DUMMY, enabled: true, ip_addresses: [10.0.0.1/24, "fd00::1/64"]}
  - {name: far, type: DUMMY, enabled: true, host_if_name: eth0, namespace: {type: NSID, reference: pod}, ip_addresses: [10.1.0.1/24]}
  - {name: loop, type: LOOPBACK, enabled: true}
  - {name: up, type: EXISTING, host_if_name: eth9, enabled: true, ip_addresses: [10.2.0.1/24]}
  routes:
  - {outgoing_interface: d, dst_network: 10.9.0.0/16, gw_addr: 10.0.0.9}
  - {outgoing_interface: up, dst_network: 0.0.0.0/0, gw_addr: 10.2.0.9}
  arp_entries:
  - {interface: d, ip_address: 10.0.0.7, hw_address: "02:00:00:00:00:07"}
  RuleChain:
  - {name: nat, table: NAT, chain_type: POSTROUTING, interfaces: [d], rules: ["-o d -j MASQUERADE"]}
`;

async function configured(): Promise<World> {
  const w = await World.start();
  await w.own.linkAdd({ kind: "dummy", name: "eth9" });
  await w.declare(everything);
  return w;
}

function states(w: World): string[] {
  return [...new Set(w.agent.scheduler.statuses({ keyPrefix: "config/" }).map(({ value }) => value.state))];
}

test("an agent that starts again takes over what exists without changing anything", async () => {
  await using w = await configured();
  w.iptables.inputs.length = 0;
  await w.restart(everything);
  assert.deepEqual([states(w), w.writes(), w.iptables.inputs], [["CONFIGURED"], [], []]);
});

test("an agent that starts again removes what is no longer declared, and nothing of others", async () => {
  await using w = await configured();
  await w.own.linkAdd({ kind: "dummy", name: "foreign", alias: "/vnf-agent/other/x" });
  await w.own.routeAdd({ destination: "10.77.0.0/16", gateway: "10.0.0.8" });
  await w.restart("linuxConfig: {interfaces: [{name: d, type: DUMMY, enabled: true, ip_addresses: [10.0.0.1/24]}]}");
  assert.deepEqual((await w.own.linkList()).map(({ name }) => name).sort(), ["d", "eth9", "foreign", "lo"]);
  assert.deepEqual(await w.addresses("d"), ["10.0.0.1/24"]);
  assert.deepEqual(await w.routes(), []);
  const pod = await w.namespace("pod");
  assert.deepEqual(
    (await pod.linkList()).map(({ name }) => name),
    ["lo"],
  );
  assert.ok((await w.own.routeList({ family: 4 })).some(({ destination }) => destination === "10.77.0.0/16"));
});

test("routes and rules of an interface that the mesh has yet to bring back are left to work", async () => {
  await using w = await World.start();
  await w.own.linkAdd({ kind: "dummy", name: "tap0", up: true });
  const rest = `
  routes: [{outgoing_interface: tap0, dst_network: 10.9.0.0/16, gw_addr: 10.0.0.9}]
  RuleChain: [{name: nat, table: NAT, chain_type: POSTROUTING, interfaces: [tap0], rules: ["-o tap0 -j MASQUERADE"]}]
`;
  const tap = "\n  interfaces: [{name: tap0, type: EXISTING, enabled: true, ip_addresses: [10.0.0.1/24]}]";
  await w.declare(`linuxConfig:${tap}${rest}`);
  w.iptables.inputs.length = 0;
  await w.restart(`linuxConfig:${rest}`);
  assert.deepEqual(
    [await w.routes(), w.iptables.inputs, await w.addresses("tap0")],
    [["10.9.0.0/16 via 10.0.0.9"], [], ["10.0.0.1/24"]],
  );
  await w.declare(`linuxConfig:${tap}${rest}`);
  assert.deepEqual([states(w), await w.routes()], [["CONFIGURED"], ["10.9.0.0/16 via 10.0.0.9"]]);
});

test("rules that were withdrawn while the agent did not run are removed soon, those of others are left", async () => {
  await using w = await World.start();
  await w.declare(`linuxConfig:
  RuleChain:
  - {name: fw, chain_type: INPUT, default_policy: DROP, rules: ["-j web"]}
  - {name: web, chain_name: web, rules: ["-p tcp -j ACCEPT"]}
  - {name: nat, table: NAT, chain_type: POSTROUTING, rules: ["-o d -j MASQUERADE"]}
  - {name: kept, chain_type: OUTPUT, rules: ["-j ACCEPT"]}
`);
  w.iptables.disturb("nat", "POSTROUTING", (rules) => rules.push("-o foreign -j MASQUERADE"));
  await w.restart('linuxConfig: {RuleChain: [{name: kept, chain_type: OUTPUT, rules: ["-j ACCEPT"]}]}');
  await w.clock.advance(5_000);
  await w.settle();
  assert.deepEqual([w.iptables.rules("filter", "INPUT"), w.iptables.policy("filter", "INPUT")], [[], "ACCEPT"]);
  assert.deepEqual(
    [w.iptables.rules("filter", "web"), w.iptables.rules("nat", "POSTROUTING")],
    [undefined, ["-o foreign -j MASQUERADE"]],
  );
  assert.equal(w.iptables.rules("filter", "OUTPUT")?.length, 1);
});

test("a resync puts back what somebody took away, and takes away what somebody added to our links", async () => {
  await using w = await configured();
  await w.own.addrDelete({ link: "d", address: "10.0.0.1/24" });
  await w.own.addrAdd({ link: "d", address: "10.66.0.1/24" });
  await w.own.routeDelete({ destination: "default", family: 4 }).catch(() => {});
  await w.own.neighDelete({ link: "d", address: "10.0.0.7" });
  await (await w.namespace("pod")).linkDelete("eth0");
  await w.own.linkSet("eth9", { up: false });
  await w.settle();
  await w.resync();
  assert.deepEqual(await w.addresses("d"), ["10.0.0.1/24", "fd00::1/64"]);
  assert.deepEqual(await w.routes(), ["10.9.0.0/16 via 10.0.0.9", "default via 10.2.0.9"]);
  assert.deepEqual(
    (await w.own.neighList({ link: "d" })).map(({ address }) => address),
    ["10.0.0.7"],
  );
  assert.deepEqual(await w.addresses("eth0", await w.namespace("pod")), ["10.1.0.1/24"]);
  assert.equal((await w.own.linkGet("eth9")).up, true);
  assert.deepEqual(states(w), ["CONFIGURED"]);
});

test("a link that somebody renamed or set down is put right", async () => {
  await using w = await configured();
  await w.own.linkSet("d", { up: false });
  await w.own.linkSet("d", { name: "renamed" });
  await w.settle();
  await w.resync();
  assert.deepEqual((await w.own.linkList()).map(({ name }) => name).sort(), ["d", "eth9", "lo"]);
  assert.deepEqual([(await w.own.linkGet("d")).up, states(w)], [true, ["CONFIGURED"]]);
});

test("both ends of a VETH are taken over by an agent that starts again, and made anew when one was deleted", {
  timeout: 10_000,
}, async () => {
  await using w = await World.start();
  const pair =
    "linuxConfig: {interfaces: [{name: a, type: VETH, enabled: true, veth: {peer_if_name: b}}, {name: b, type: VETH, enabled: true, veth: {peer_if_name: a}}]}";
  await w.declare(pair);
  await w.restart(pair);
  assert.deepEqual([states(w), w.writes()], [["CONFIGURED"], []]);
  await w.own.linkDelete("b");
  await w.settle();
  await w.resync();
  assert.deepEqual(
    [(await w.own.linkList()).map(({ name }) => name).sort(), states(w)],
    [["a", "b", "lo"], ["CONFIGURED"]],
  );
});

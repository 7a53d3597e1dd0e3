import assert from "node:assert/strict";
import { test } from "node:test";
import { linuxArpModel, linuxRouteModel, parseValue } from "@nsmkit/api/model";
import { World } from "./testing.ts";

const link = (more = "ip_addresses: [10.0.0.1/24]") => `linuxConfig:
  interfaces:
  - {name: a, type: DUMMY, enabled: true, ${more}}
`;
const key = (destination: string, name = "a"): string => `config/linux/l3/v2/route/${destination}/${name}`;

test("a route waits for its interface to be up, to have an address, and for its gateway to be reachable", async () => {
  await using w = await World.start();
  const route = "  routes: [{outgoing_interface: a, dst_network: 10.1.0.0/16, gw_addr: 10.0.0.9}]\n";
  await w.declare(`linuxConfig:\n${route}`);
  assert.deepEqual(w.status(key("10.1.0.0/16")).details, [
    "interface a is up",
    "interface a has an address",
    "gateway 10.0.0.9 is reachable",
  ]);
  await w.declare(`${link("ip_addresses: [10.5.0.1/24]")}${route}`);
  assert.deepEqual(w.status(key("10.1.0.0/16")).details, ["gateway 10.0.0.9 is reachable"]);
  await w.declare(`${link()}${route}`);
  assert.deepEqual(
    [w.status(key("10.1.0.0/16")).state, await w.routes()],
    ["CONFIGURED", ["10.1.0.0/16 via 10.0.0.9"]],
  );
});

test("a gateway can also be reached by a link-local route", async () => {
  await using w = await World.start();
  await w.declare(`${link("ip_addresses: [192.0.2.1/32]")}  routes:
  - {outgoing_interface: a, dst_network: 10.0.0.9/32, scope: LINK}
  - {outgoing_interface: a, dst_network: 0.0.0.0/0, gw_addr: 10.0.0.9}
`);
  assert.deepEqual(await w.routes(), ["10.0.0.9/32 via link", "default via 10.0.0.9"]);
});

test("another gateway changes the route in place, another metric makes a new one", async () => {
  await using w = await World.start();
  const routes = (fields: string) =>
    `${link()}  routes: [{outgoing_interface: a, dst_network: 10.1.0.0/16, ${fields}}]\n`;
  await w.declare(routes("gw_addr: 10.0.0.8"));
  w.netlink.attempted.length = 0;
  await w.declare(routes("gw_addr: 10.0.0.9"));
  assert.deepEqual(w.writes(), ["routeReplace"]);
  await w.declare(routes("gw_addr: 10.0.0.9, metric: 50"));
  assert.deepEqual(w.writes(), ["routeReplace", "routeDelete", "routeReplace"]);
  assert.deepEqual(
    (await w.own.routeList({ protocol: 79 })).map(({ metric }) => metric),
    [50],
  );
});

test("routes that the kernel drops with a link that goes down are back as soon as it is up", async () => {
  await using w = await World.start();
  await w.declare(`${link()}  routes: [{outgoing_interface: a, dst_network: 10.1.0.0/16, gw_addr: 10.0.0.9}]\n`);
  await w.own.linkSet("a", { up: false });
  await w.settle();
  assert.deepEqual([w.status(key("10.1.0.0/16")).details, await w.routes()], [["interface a is up"], []]);
  await w.own.linkSet("a", { up: true });
  await w.settle();
  assert.deepEqual(await w.routes(), ["10.1.0.0/16 via 10.0.0.9"]);
});

test("routes of others are never touched", async () => {
  await using w = await World.start();
  await w.declare(`${link()}  routes: [{outgoing_interface: a, dst_network: 10.1.0.0/16, gw_addr: 10.0.0.9}]\n`);
  await w.own.routeAdd({ destination: "10.7.0.0/16", gateway: "10.0.0.7" });
  await w.resync();
  await w.declare(link());
  const left = (await w.own.routeList({ family: 4 })).map(({ destination }) => destination);
  assert.deepEqual([left.includes("10.7.0.0/16"), left.includes("10.1.0.0/16")], [true, false]);
});

test("references stand for allocated addresses, networks and gateways, and wait for them", async () => {
  await using w = await World.start();
  const routes = `  routes:
  - {outgoing_interface: a, dst_network: "alloc:lan/b", gw_addr: "alloc:net/a/GW"}
  arp_entries: [{interface: a, ip_address: "alloc:lan/b", hw_address: "02:00:00:00:00:01"}]
`;
  await w.declare(`${link('ip_addresses: ["alloc:net"]')}${routes}`);
  assert.deepEqual(await w.addresses("a"), []);
  await w.declare(`${link('ip_addresses: ["alloc:net"]')}${routes}netallocConfig:
  ip_addresses:
  - {network_name: net, interface_name: a, address: 10.0.0.1/24, gw: 10.0.0.254}
  - {network_name: lan, interface_name: b, address: 10.8.0.1/16}
`);
  assert.deepEqual([await w.addresses("a"), await w.routes()], [["10.0.0.1/24"], ["10.8.0.0/16 via 10.0.0.254"]]);
  assert.deepEqual(
    (await w.own.neighList({ link: "a" })).map(({ address, mac }) => [address, mac]),
    [["10.8.0.1", "02:00:00:00:00:01"]],
  );
});

test("an ARP entry waits for its interface and changes in place", async () => {
  await using w = await World.start();
  const arp = (mac: string) => `  arp_entries: [{interface: a, ip_address: 10.0.0.7, hw_address: "${mac}"}]\n`;
  await w.declare(`linuxConfig:\n${arp("02:00:00:00:00:01")}`);
  assert.equal(w.status("config/linux/l3/v2/arp/a/10.0.0.7").state, "PENDING");
  await w.declare(`${link()}${arp("02:00:00:00:00:01")}`);
  w.netlink.attempted.length = 0;
  await w.declare(`${link()}${arp("02-00-00-00-00-0A")}`);
  assert.deepEqual(
    [w.writes(), (await w.own.neighList({ link: "a" })).map(({ mac }) => mac)],
    [["neighReplace"], ["02:00:00:00:00:0a"]],
  );
});

const refusals: [what: string, model: typeof linuxRouteModel | typeof linuxArpModel, value: object, message: string][] =
  [
    [
      "a route without interface",
      linuxRouteModel,
      { dst_network: "10.0.0.0/8" },
      'linux.l3 route "10.0.0.0/8 via ": field "outgoing_interface" is empty; name the interface that the route leads through',
    ],
    [
      "a destination that is none",
      linuxRouteModel,
      { outgoing_interface: "a", dst_network: "10.0.0.0" },
      'linux.l3 route "10.0.0.0 via a": field "dst_network" is "10.0.0.0", must be a network such as 10.0.0.0/8 (0.0.0.0/0 for the default route)',
    ],
    [
      "a gateway with length",
      linuxRouteModel,
      { outgoing_interface: "a", dst_network: "10.0.0.0/8", gw_addr: "10.0.0.1/24" },
      'linux.l3 route "10.0.0.0/8 via a": field "gw_addr" is "10.0.0.1/24", must be an address such as 10.0.0.1, without length',
    ],
    [
      "a gateway of another family",
      linuxRouteModel,
      { outgoing_interface: "a", dst_network: "10.0.0.0/8", gw_addr: "fd00::1" },
      'linux.l3 route "10.0.0.0/8 via a": field "gw_addr" is "fd00::1", which is of another family than dst_network 10.0.0.0/8',
    ],
    [
      "a link-local route with gateway",
      linuxRouteModel,
      { outgoing_interface: "a", dst_network: "10.0.0.0/8", gw_addr: "10.0.0.1", scope: "LINK" },
      'linux.l3 route "10.0.0.0/8 via a": field "scope" is LINK, which does not go with a gw_addr; write GLOBAL or leave gw_addr out',
    ],
    [
      "a gateway reference that means an address",
      linuxRouteModel,
      { outgoing_interface: "a", dst_network: "10.0.0.0/8", gw_addr: "alloc:net/a" },
      'linux.l3 route "10.0.0.0/8 via a": field "gw_addr" is "alloc:net/a", must end in /GW',
    ],
    [
      "an ARP entry without MAC",
      linuxArpModel,
      { interface: "a", ip_address: "10.0.0.1" },
      'linux.l3 arp "a/10.0.0.1": field "hw_address" is empty; write the neighbour\'s MAC address',
    ],
    [
      "an ARP entry with a network",
      linuxArpModel,
      { interface: "a", ip_address: "10.0.0.1/24", hw_address: "02:00:00:00:00:01" },
      'linux.l3 arp "a/10.0.0.1/24": field "ip_address" is "10.0.0.1/24", must be an address such as 10.0.0.1, without length',
    ],
  ];
for (const [what, model, value, message] of refusals) {
  test(`${what} is refused with field, value and remedy`, async () => {
    await using w = await World.start();
    const parsed = parseValue(model as typeof linuxRouteModel, value);
    const item = { key: `${model.keyPrefix}x`, model, value: parsed, place: "" };
    assert.throws(() => w.agent.northbound.check([{ source: "x", put: [item] }]), { message });
  });
}

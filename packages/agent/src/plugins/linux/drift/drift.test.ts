import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "../testing.ts";

const config = `linuxConfig:
  interfaces:
  - {name: a, type: DUMMY, enabled: true, ip_addresses: [10.0.0.1/24, "fd00::1/64"]}
  - {name: b, type: DUMMY, enabled: true, namespace: {type: NSID, reference: pod}, ip_addresses: [10.5.0.1/24]}
  routes:
  - {outgoing_interface: a, dst_network: 10.1.0.0/16, gw_addr: 10.0.0.9}
  - {outgoing_interface: a, dst_network: 0.0.0.0/0, gw_addr: 10.0.0.9, metric: 50}
  - {outgoing_interface: a, dst_network: "fd01::/64", gw_addr: "fd00::9"}
  - {outgoing_interface: b, dst_network: 10.6.0.0/16, gw_addr: 10.5.0.9}
  arp_entries:
  - {interface: a, ip_address: 10.0.0.7, hw_address: "02:00:00:00:00:07"}
`;

const repairs = (world: World): string[] =>
  world.agent.scheduler
    .history()
    .flatMap(({ Description = "" }) => (Description.startsWith("removed by") ? [Description] : []));

/** Lets the watch look, and what it begins end. */
async function look(world: World, ms = 200): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await world.clock.advance(ms);
  for (let i = 0; i < 5; i++) await world.settle();
}

const removals: [what: string, remove: (world: World) => Promise<unknown>][] = [
  ["a route", (world) => world.own.routeDelete({ destination: "10.1.0.0/16", link: "a" })],
  ["a default route", (world) => world.own.routeDelete({ destination: "default", link: "a", family: 4 })],
  ["an IPv6 route", (world) => world.own.routeDelete({ destination: "fd01::/64", link: "a" })],
  ["a neighbour", (world) => world.own.neighDelete({ link: "a", address: "10.0.0.7" })],
  ["an address", (world) => world.own.addrDelete({ link: "a", address: "10.0.0.1/24" })],
  ["a link", (world) => world.own.linkDelete("a")],
  [
    "a route of another namespace",
    async (world) => (await world.namespace("pod")).routeDelete({ destination: "10.6.0.0/16", link: "b" }),
  ],
  ["a link of another namespace", async (world) => (await world.namespace("pod")).linkDelete("b")],
];

async function picture(world: World): Promise<unknown> {
  const pod = await world.namespace("pod");
  return [
    await world.routes(),
    await world.routes(pod),
    await world.addresses("a"),
    await world.addresses("b", pod),
    (await world.own.neighList({ link: "a" })).map(({ address, mac }) => `${address} ${mac}`),
  ];
}

for (const [what, remove] of removals) {
  test(`${what} that somebody removes is put back without being asked`, async () => {
    await using world = await World.start();
    await world.declare(config);
    const before = await picture(world);
    await remove(world);
    await look(world);
    assert.deepEqual(await picture(world), before);
    assert.equal(repairs(world).length, 1);
  });
}

test("what the agent itself removes, changes or lets go of is not put back", async () => {
  await using world = await World.start();
  await world.declare(config);
  await world.own.linkSet("a", { up: false });
  await look(world);
  await world.own.linkSet("a", { up: true });
  await look(world);
  await world.declare(config.replace("metric: 50", "metric: 60").replace("10.0.0.1/24, ", "10.0.0.2/24, "));
  await look(world);
  await world.declare("linuxConfig: {interfaces: []}");
  await look(world, 120_000);
  assert.deepEqual(repairs(world), []);
});

test("a link that is set down stays down, and has its IPv6 addresses again when it is up", async () => {
  await using world = await World.start();
  await world.declare(config);
  await world.own.linkSet("a", { up: false });
  await world.own.addrDelete({ link: "a", address: "fd00::1/64" });
  await look(world);
  assert.deepEqual([(await world.own.linkGet("a")).up, repairs(world)], [false, []]);
  await world.own.linkSet("a", { up: true });
  await look(world);
  assert.deepEqual(await world.addresses("a"), ["10.0.0.1/24", "fd00::1/64"]);
  assert.ok((await world.routes()).includes("fd01::/64 via fd00::9"));
});

test("routes and neighbours of others are none of our business", async () => {
  await using world = await World.start();
  await world.declare(config);
  await world.own.routeAdd({ destination: "10.9.0.0/16", link: "a" });
  await world.own.neighAdd({ link: "a", address: "10.0.0.8", mac: "02:00:00:00:00:08" });
  await world.own.routeDelete({ destination: "10.9.0.0/16", link: "a" });
  await world.own.neighDelete({ link: "a", address: "10.0.0.8" });
  await look(world, 120_000);
  assert.deepEqual(repairs(world), []);
});

test("somebody who removes the same thing again and again is not raced", async () => {
  await using world = await World.start();
  await world.declare(config);
  const times: number[] = [];
  for (let ms = 0; ms < 20_000; ms += 100) {
    if ((await world.routes()).includes("10.1.0.0/16 via 10.0.0.9")) {
      times.push(ms);
      await world.own.routeDelete({ destination: "10.1.0.0/16", link: "a" });
    }
    await look(world, 100);
  }
  const pauses = times.slice(1).map((ms, i) => ms - (times[i] ?? 0));
  assert.ok(pauses.length >= 4 && pauses.length <= 8, String(pauses));
  for (const [i, pause] of pauses.slice(1).entries()) assert.ok(pause >= (pauses[i] ?? 0) * 1.5, String(pauses));
});

import assert from "node:assert/strict";
import { type ContractCase, connect, mainTable, rejectsWith } from "./case.ts";

export const routesContract: readonly ContractCase[] = [
  {
    title: "routes are added once, replaced, and deleted once",
    async run(world) {
      await connect(world);
      const { inA } = world;
      const route = { destination: "10.9.0.0/16", gateway: "10.0.0.2" } as const;
      const link = (await inA.linkGet("va")).index;
      await inA.routeAdd(route);
      await rejectsWith(inA.routeAdd(route), "ALREADY_EXISTS", /10\.9\.0\.0\/16/);
      await inA.routeReplace({ ...route, gateway: "10.0.0.3", mtu: 1300 });
      const listed = await inA.routeList({ ...mainTable, protocol: 4 });
      assert.deepEqual(listed, [
        {
          family: 4,
          destination: "10.9.0.0/16",
          type: "unicast",
          table: 254,
          protocol: 4,
          scope: "global",
          metric: 0,
          onlink: false,
          flags: 0,
          gateway: "10.0.0.3",
          link,
          mtu: 1300,
        },
      ]);
      await rejectsWith(inA.routeDelete(route), "NOT_FOUND");
      await inA.routeDelete({ destination: "10.9.0.0/16" });
      await rejectsWith(inA.routeDelete({ destination: "10.9.0.0/16" }), "NOT_FOUND");
    },
  },
  {
    title: "a gateway must be reachable, or be declared to be on the link",
    async run(world) {
      await connect(world);
      const { inA } = world;
      await assert.rejects(inA.routeAdd({ destination: "default", gateway: "192.0.2.1" }), /gateway/);
      await inA.routeAdd({ destination: "default", gateway: "192.0.2.1", link: "va", onlink: true });
      const [route] = await inA.routeList({ ...mainTable, protocol: 4 });
      assert.deepEqual([route?.destination, route?.gateway, route?.onlink], ["default", "192.0.2.1", true]);
    },
  },
  {
    title: "a route over a link that is down is refused",
    async run(world) {
      await connect(world);
      await world.inA.linkSet("va", { up: false });
      await assert.rejects(world.inA.routeAdd({ destination: "10.9.0.0/16", link: "va" }), /not up|ENETDOWN/);
    },
  },
  {
    title: "tables, metrics, scopes and next hops of routes are kept",
    async run(world) {
      await connect(world);
      const { inA } = world;
      await inA.routeAdd({
        destination: "10.9.0.0/16",
        link: "va",
        table: 1000,
        metric: 5,
        protocol: 99,
        source: "10.0.0.1",
      });
      await inA.routeAdd({ destination: "10.9.0.0/16", link: "va", table: 1000, metric: 6 });
      await inA.routeAdd({ destination: "10.8.0.0/16", type: "blackhole", table: 1000 });
      await inA.routeAdd({
        destination: "10.7.0.0/16",
        table: 1000,
        multipath: [
          { gateway: "10.0.0.2", weight: 2 },
          { gateway: "10.0.0.3", link: "va" },
        ],
      });
      const routes = (await inA.routeList({ table: 1000 })).toSorted(
        (x, y) => x.destination.localeCompare(y.destination) || x.metric - y.metric,
      );
      assert.deepEqual(
        routes.map(({ destination, type, metric, protocol, scope, source }) => ({
          destination,
          type,
          metric,
          protocol,
          scope,
          source,
        })),
        [
          { destination: "10.7.0.0/16", type: "unicast", metric: 0, protocol: 4, scope: "global", source: undefined },
          { destination: "10.8.0.0/16", type: "blackhole", metric: 0, protocol: 4, scope: "global", source: undefined },
          { destination: "10.9.0.0/16", type: "unicast", metric: 5, protocol: 99, scope: "link", source: "10.0.0.1" },
          { destination: "10.9.0.0/16", type: "unicast", metric: 6, protocol: 4, scope: "link", source: undefined },
        ],
      );
      assert.deepEqual(
        routes[0]?.multipath?.map(({ gateway, weight }) => ({ gateway, weight })),
        [
          { gateway: "10.0.0.2", weight: 2 },
          { gateway: "10.0.0.3", weight: 1 },
        ],
      );
      assert.equal((await inA.routeList({ table: 1000, protocol: 99 })).length, 1);
      assert.deepEqual(await inA.routeList({ table: 1001 }), []);
    },
  },
  {
    title: "IPv6 routes work as IPv4 ones do",
    async run(world) {
      await connect(world);
      const { inA } = world;
      await inA.addrAdd({ link: "va", address: "fd00::1/64", nodad: true });
      await inA.routeAdd({ destination: "fd01::/64", gateway: "fd00::2", metric: 50 });
      const listed = await inA.routeList({ family: 6, table: 254, protocol: 4 });
      assert.deepEqual(
        listed.map(({ destination, gateway, metric, scope }) => ({ destination, gateway, metric, scope })),
        [{ destination: "fd01::/64", gateway: "fd00::2", metric: 50, scope: "global" }],
      );
      await inA.routeDelete({ destination: "fd01::/64" });
      assert.deepEqual(await inA.routeList({ family: 6, table: 254, protocol: 4 }), []);
    },
  },
  {
    title: "rules keep every selector, are added once and deleted once",
    async run({ inA }) {
      const rule = {
        from: "10.0.0.0/24",
        to: "10.1.0.0/16",
        ipProto: 6,
        sourcePorts: { from: 1000, to: 2000 },
        destinationPorts: { from: 80, to: 80 },
        iif: "lo",
        fwmark: 7,
        fwmask: 0xff,
        priority: 100,
        table: 300,
      } as const;
      await inA.ruleAdd(rule);
      await rejectsWith(inA.ruleAdd(rule), "ALREADY_EXISTS");
      const found = (await inA.ruleList({ family: 4 })).find((each) => each.priority === 100);
      assert.deepEqual(found, { family: 4, action: "table", invert: false, protocol: 4, ...rule });
      await inA.ruleDelete(rule);
      await rejectsWith(inA.ruleDelete(rule), "NOT_FOUND");
      assert.deepEqual(
        (await inA.ruleList({ family: 4 })).map(({ priority, table }) => [priority, table]),
        [
          [0, 255],
          [32766, 254],
          [32767, 253],
        ],
      );
    },
  },
  {
    title: "a rule without a priority comes before those that exist, and IPv6 has rules of its own",
    async run({ inA }) {
      await inA.ruleAdd({ from: "fd00::/64", table: 300 });
      await inA.ruleAdd({ family: 6, priority: 5, action: "prohibit" });
      assert.deepEqual(
        (await inA.ruleList({ family: 6 })).map(({ priority, action, from }) => ({ priority, action, from })),
        [
          { priority: 0, action: "table", from: undefined },
          { priority: 5, action: "prohibit", from: undefined },
          { priority: 32765, action: "table", from: "fd00::/64" },
          { priority: 32766, action: "table", from: undefined },
        ],
      );
    },
  },
];

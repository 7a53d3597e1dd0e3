import assert from "node:assert/strict";
import type { MonitorEvent } from "../../api/monitor.ts";
import { linkAdd } from "../../ops.ts";
import { firstFailure } from "../../results.ts";
import { type ContractCase, connect, nextEvent, rejectsWith } from "./case.ts";

export const monitorsContract: readonly ContractCase[] = [
  {
    title: "a monitor tells of changes from the moment it is there, of its groups and its namespace alone",
    async run({ inA, inB }) {
      await using monitor = await inA.monitor({ groups: ["link", "addr"] });
      await inB.linkAdd({ kind: "bridge", name: "other" });
      await inA.linkAdd({ kind: "bridge", name: "br0" });
      const created = await nextEvent(monitor, (event) => event.type === "link");
      assert.ok(created.type === "link" && created.action === "new" && created.link.name === "br0");
      await inA.addrAdd({ link: "br0", address: "10.0.0.1/24" });
      const addressed = await nextEvent(monitor, (event) => event.type === "addr");
      assert.ok(addressed.type === "addr" && addressed.addr.address === "10.0.0.1/24");
      await inA.linkDelete("br0");
      const deleted = await nextEvent(monitor, (event) => event.type === "link" && event.action === "delete");
      assert.ok(deleted.type === "link" && deleted.link.name === "br0");
    },
  },
  {
    title: "a port that leaves its bridge is not told of as deleted",
    async run({ inA }) {
      await inA.linkAdd({ kind: "bridge", name: "br0", up: true });
      await inA.linkAdd({ kind: "veth", name: "va", master: "br0", up: true, peer: { name: "vb", up: true } });
      await using monitor = await inA.monitor({ groups: ["link"] });
      await inA.linkSet("va", { master: null });
      await inA.linkSet("va", { alias: "end" });
      const seen: MonitorEvent[] = [];
      await nextEvent(monitor, (event) => {
        seen.push(event);
        return event.type === "link" && event.link.alias === "end";
      });
      assert.deepEqual(
        seen.filter((event) => event.type === "link" && event.action === "delete"),
        [],
      );
    },
  },
  {
    title: "route, rule, neighbour and namespace id changes are told of",
    async run(world) {
      await connect(world);
      const { inA, a } = world;
      await using monitor = await inA.monitor({ groups: ["route", "rule", "neigh", "nsid"] });
      await inA.routeAdd({ destination: "10.9.0.0/16", gateway: "10.0.0.2" });
      const route = await nextEvent(monitor, (event) => event.type === "route");
      assert.ok(route.type === "route" && route.route.destination === "10.9.0.0/16");
      await inA.ruleAdd({ table: 300, priority: 7 });
      const rule = await nextEvent(monitor, (event) => event.type === "rule");
      assert.ok(rule.type === "rule" && rule.rule.priority === 7);
      await inA.neighAdd({ link: "va", address: "10.0.0.9", mac: "02:00:00:00:00:09" });
      const neigh = await nextEvent(monitor, (event) => event.type === "neigh" && event.neigh.address === "10.0.0.9");
      assert.ok(neigh.type === "neigh" && neigh.neigh.mac === "02:00:00:00:00:09");
      await inA.nsidSet(a, 77);
      const nsid = await nextEvent(monitor, (event) => event.type === "nsid");
      assert.deepEqual(nsid, { type: "nsid", action: "new", nsid: 77 });
    },
  },
  {
    title: "a monitor of deletions tells of nothing new",
    async run(world) {
      await connect(world);
      const { inA } = world;
      await using monitor = await inA.monitor({ groups: ["route", "addr", "link"], actions: ["delete"] });
      await inA.routeAdd({ destination: "10.9.0.0/16", gateway: "10.0.0.2" });
      await inA.addrAdd({ link: "va", address: "10.7.0.1/32" });
      await inA.linkSet("va", { alias: "x" });
      await inA.addrDelete({ link: "va", address: "10.7.0.1/32" });
      await inA.routeDelete({ destination: "10.9.0.0/16" });
      const seen: MonitorEvent[] = [];
      await nextEvent(monitor, (event) => {
        seen.push(event);
        return event.type === "route" && event.route.destination === "10.9.0.0/16";
      });
      assert.ok(seen.every((event) => event.type !== "overrun" && event.action === "delete"));
      assert.ok(seen.some((event) => event.type === "addr" && event.addr.address === "10.7.0.1/32"));
    },
  },
  {
    title: "a monitor with a small queue tells that it lost events",
    async run({ inA }) {
      await using monitor = await inA.monitor({ groups: ["link"], queueLimit: 4 });
      const results = await inA.batch(
        Array.from({ length: 20 }, (_, index) => linkAdd({ kind: "bridge", name: `br${index}` })),
      );
      assert.equal(firstFailure(results), undefined);
      await nextEvent(monitor, (event) => event.type === "overrun");
    },
  },
  {
    title: "a cancelled monitor ends its iteration",
    async run({ inA }) {
      const controller = new AbortController();
      const monitor = await inA.monitor({ groups: ["link"], signal: controller.signal });
      const all = Array.fromAsync(monitor);
      controller.abort();
      assert.deepEqual(await all, []);
      await rejectsWith(inA.monitor({ groups: ["link"], signal: controller.signal }), "ABORTED");
    },
  },
];

/**
 * What every implementation of `Netlink` must do, as cases that run on the fake and on the kernel: a fake that behaves
 * otherwise would make the tests that use it lie.
 */
import assert from "node:assert/strict";
import { type ErrorCode, isCodedError } from "@nsmkit/core";
import type { MonitorEvent } from "../api/monitor.ts";
import type { Handle, Monitor, Netlink, OpResult } from "../api/netlink.ts";
import type { Netns } from "../api/netns.ts";
import { addrAdd, linkAdd, linkDelete, linkGet, linkList, linkSet, routeAdd, sysctlSet } from "../ops.ts";
import { firstFailure } from "../results.ts";

export interface ContractCase {
  readonly title: string;
  /** Kind of link without which the case cannot run. */
  readonly needs?: string;
  run(world: World): Promise<void>;
}

/** Two fresh namespaces and their handles. */
export interface World {
  readonly netlink: Netlink;
  readonly a: Netns;
  readonly b: Netns;
  readonly inA: Handle;
  readonly inB: Handle;
}

/** Runs `body` in fresh, unnamed namespaces, which are gone afterwards. */
export async function inWorld(netlink: Netlink, body: (world: World) => Promise<void>): Promise<void> {
  await using a = await netlink.namespaces.create();
  await using b = await netlink.namespaces.create();
  await using inA = netlink.handle(a);
  await using inB = netlink.handle(b);
  await body({ netlink, a, b, inA, inB });
}

export async function rejectsWith(promise: Promise<unknown>, code: ErrorCode, message?: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(isCodedError(error), `not a coded error: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    if (message) assert.match(error.message, message);
    return true;
  });
}

export async function nextEvent(monitor: Monitor, wanted: (event: MonitorEvent) => boolean): Promise<MonitorEvent> {
  for await (const event of monitor) if (wanted(event)) return event;
  throw new Error("the monitor ended before the event came");
}

const codesOf = (results: readonly OpResult[]): string[] =>
  results.map((result) => (result.ok ? "ok" : result.error.code));

/** A veth pair "va" in a and "vb" in b, addressed and up. */
async function connect({ netlink, a, b }: World): Promise<void> {
  const results = await netlink.execute([
    { netns: a, ops: [linkAdd({ kind: "veth", name: "va", up: true, peer: { name: "vb", netns: b, up: true } })] },
    { netns: a, ops: [addrAdd({ link: "va", address: "10.0.0.1/24" })] },
    { netns: b, ops: [addrAdd({ link: "vb", address: "10.0.0.2/24" })] },
  ]);
  assert.equal(firstFailure(results), undefined);
}

const mainTable = { family: 4, table: 254 } as const;

export const netlinkContract: readonly ContractCase[] = [
  {
    title: "a new namespace holds the loopback alone, down",
    async run({ inA }) {
      const links = await inA.linkList();
      assert.deepEqual(
        links.map(({ name, index, up, loopback, kind }) => ({ name, index, up, loopback, kind })),
        [{ name: "lo", index: 1, up: false, loopback: true, kind: undefined }],
      );
      assert.deepEqual(await inA.routeList(mainTable), []);
    },
  },
  {
    title: "both ends of a veth appear in their namespaces with all their settings",
    async run({ inA, inB, b }) {
      await inA.linkAdd({
        kind: "veth",
        name: "va",
        mac: "02:00:00:00:00:0A",
        mtu: 1400,
        alias: "nsmkit:one",
        group: 7,
        up: true,
        txQueueLen: 500,
        peer: { name: "vb", netns: b, mac: "02:00:00:00:00:0b", mtu: 1300, alias: "nsmkit:two", group: 8, up: true },
      });
      const va = await inA.linkGet("va");
      const vb = await inB.linkGet("vb");
      const { name, mac, mtu, alias, group, up, carrier, kind, info, txQueueLen } = va;
      assert.deepEqual(
        { name, mac, mtu, alias, group, up, carrier, kind, info, txQueueLen },
        {
          name: "va",
          mac: "02:00:00:00:00:0a",
          mtu: 1400,
          alias: "nsmkit:one",
          group: 7,
          up: true,
          carrier: true,
          kind: "veth",
          info: { kind: "veth" },
          txQueueLen: 500,
        },
      );
      assert.deepEqual([vb.mac, vb.mtu, vb.alias, vb.group, vb.up], ["02:00:00:00:00:0b", 1300, "nsmkit:two", 8, true]);
      assert.equal(va.peer, vb.index);
      assert.equal(vb.peer, va.index);
      assert.equal(va.peerNetnsId, await inA.nsidGet(b));
    },
  },
  {
    title: "a link without its own settings has neither alias nor master, and is down",
    async run({ inA }) {
      await inA.linkAdd({ kind: "bridge", name: "br0" });
      const { alias, master, up, group } = await inA.linkGet("br0");
      assert.deepEqual({ alias, master, up, group }, { alias: undefined, master: undefined, up: false, group: 0 });
    },
  },
  {
    title: "a link whose follow-up settings fail is not left behind",
    async run({ inA, inB, b }) {
      // A loopback can be nobody's master.
      const veth = { kind: "veth", name: "va", alias: "x", peer: { name: "vb", netns: b, master: "lo" } } as const;
      await assert.rejects(inA.linkAdd(veth));
      await rejectsWith(inA.linkGet("va"), "NOT_FOUND");
      await rejectsWith(inB.linkGet("vb"), "NOT_FOUND");
    },
  },
  {
    title: "a taken name is ALREADY_EXISTS, a missing link NOT_FOUND, each naming the link",
    async run({ inA }) {
      await inA.linkAdd({ kind: "bridge", name: "br0" });
      await rejectsWith(inA.linkAdd({ kind: "bridge", name: "br0" }), "ALREADY_EXISTS", /"br0"/);
      await rejectsWith(inA.linkGet("nope"), "NOT_FOUND", /"nope"/);
      await rejectsWith(inA.linkGet(4711), "NOT_FOUND", /#4711/);
      await rejectsWith(inA.linkSet("nope", { up: true }), "NOT_FOUND", /"nope"/);
      await rejectsWith(inA.linkDelete("nope"), "NOT_FOUND", /nope/);
      await rejectsWith(inA.addrAdd({ link: "nope", address: "10.0.0.1/24" }), "NOT_FOUND", /"nope"/);
      await rejectsWith(inA.routeAdd({ destination: "10.0.0.0/8", link: "nope" }), "NOT_FOUND", /"nope"/);
      await rejectsWith(inA.addrList({ link: "nope" }), "NOT_FOUND", /"nope"/);
    },
  },
  {
    title: "invalid values are INVALID_ARGUMENT and reach no kernel",
    async run({ inA }) {
      await rejectsWith(inA.linkAdd({ kind: "bridge", name: "sixteen-bytes-ab" }), "INVALID_ARGUMENT", /16 bytes/);
      await rejectsWith(inA.linkAdd({ kind: "bridge", name: "br0", mtu: 1 }), "INVALID_ARGUMENT", /mtu: 1 /);
      await rejectsWith(inA.linkAdd({ kind: "vxlan", name: "vx0", id: 2 ** 24 }), "INVALID_ARGUMENT", /id: 16777216/);
      await rejectsWith(
        inA.linkAdd({ kind: "bridge", name: "br0", alias: "x".repeat(256) }),
        "INVALID_ARGUMENT",
        /alias/,
      );
      await rejectsWith(inA.addrAdd({ link: "lo", address: "10.0.0.1/33" }), "INVALID_ARGUMENT", /33/);
      await rejectsWith(inA.routeAdd({ destination: "10.0.0.1/8", link: "lo" }), "INVALID_ARGUMENT", /10\.0\.0\.0\/8/);
      await rejectsWith(inA.sysctlGet("net.ipv4.//.x"), "INVALID_ARGUMENT");
      assert.deepEqual(
        (await inA.linkList()).map((link) => link.name),
        ["lo"],
      );
    },
  },
  {
    title: "a batch stops at its first failure and says what was not attempted",
    async run({ inA }) {
      const results = await inA.batch([
        linkAdd({ kind: "bridge", name: "br0" }),
        linkSet("nope", { up: true }),
        linkAdd({ kind: "bridge", name: "br1" }),
      ]);
      assert.deepEqual(codesOf(results), ["ok", "NOT_FOUND", "FAILED_PRECONDITION"]);
      assert.equal(firstFailure(results)?.code, "NOT_FOUND");
      const last = results[2];
      assert.equal(!last.ok && last.error.details.notAttempted, true);
      await rejectsWith(inA.linkGet("br1"), "NOT_FOUND");
    },
  },
  {
    title: "a batch that continues gives each op its own result",
    async run({ inA }) {
      const results = await inA.batch(
        [
          linkAdd({ kind: "bridge", name: "br0" }),
          linkSet("nope", { up: true }),
          linkAdd({ kind: "bridge", name: "a name that is far too long" }),
          addrAdd({ link: "br0", address: "10.0.0.1/24" }),
          addrAdd({ link: "nope", address: "10.0.0.1/24" }),
          linkGet("br0"),
        ],
        { onError: "continue" },
      );
      assert.deepEqual(codesOf(results), ["ok", "NOT_FOUND", "INVALID_ARGUMENT", "ok", "NOT_FOUND", "ok"]);
      const last = results[5];
      assert.equal(last.ok && last.value.name, "br0");
    },
  },
  {
    title: "later ops of a batch may name links that earlier ones made or renamed",
    async run({ inA, b }) {
      const results = await inA.batch([
        linkAdd({ kind: "veth", name: "old", peer: { name: "p", netns: b } }),
        addrAdd({ link: "old", address: "10.0.0.1/24" }),
        linkSet("old", { name: "new" }),
        addrAdd({ link: "new", address: "10.0.1.1/24" }),
        linkSet("new", { up: true }),
        routeAdd({ destination: "10.9.0.0/16", gateway: "10.0.1.9", link: "new" }),
        linkGet("new"),
      ]);
      assert.equal(firstFailure(results), undefined);
      const addrs = await inA.addrList({ link: "new", family: 4 });
      assert.deepEqual(addrs.map((addr) => addr.address).sort(), ["10.0.0.1/24", "10.0.1.1/24"]);
      await rejectsWith(inA.linkGet("old"), "NOT_FOUND");
    },
  },
  {
    title: "one execution configures several namespaces and keeps the results apart",
    async run({ netlink, a, b }) {
      const results = await netlink.execute([
        { netns: a, ops: [linkAdd({ kind: "veth", name: "va", peer: { name: "vb", netns: b } }), linkGet("va")] },
        { netns: b, ops: [linkGet("vb")] },
      ]);
      assert.deepEqual(
        results.map((step) => codesOf(step)),
        [["ok", "ok"], ["ok"]],
      );
    },
  },
  {
    title: "a link moves to another namespace under a new name, without its addresses",
    async run({ inA, inB, b }) {
      await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb" } });
      await inA.addrAdd({ link: "va", address: "10.0.0.1/24" });
      await inA.linkSet("va", { netns: b, name: "moved", up: true });
      await rejectsWith(inA.linkGet("va"), "NOT_FOUND");
      const moved = await inB.linkGet("moved");
      assert.equal(moved.up, true);
      assert.deepEqual(await inB.addrList({ link: "moved", family: 4 }), []);
    },
  },
  {
    title: "changes of a link are what was asked for and nothing else",
    async run({ inA }) {
      await inA.linkAdd({ kind: "veth", name: "va", alias: "one", mtu: 1400, peer: { name: "vb" } });
      await inA.linkSet("va", {
        mac: "02:00:00:00:00:01",
        mtu: 1300,
        alias: "two",
        group: 5,
        txQueueLen: 10,
        arp: false,
        promiscuous: true,
      });
      const link = await inA.linkGet("va");
      assert.deepEqual(
        [link.mac, link.mtu, link.alias, link.group, link.txQueueLen, link.up],
        ["02:00:00:00:00:01", 1300, "two", 5, 10, false],
      );
      assert.equal(link.flags & 0x180, 0x180);
      await inA.linkSet(link.index, { alias: "", arp: true });
      const after = await inA.linkGet("va");
      assert.equal(after.alias, undefined);
      assert.equal(after.flags & 0x80, 0);
      assert.equal(after.mtu, 1300);
    },
  },
  {
    title: "bridge ports join and leave their bridge",
    async run({ inA, b }) {
      await inA.linkAdd({ kind: "bridge", name: "br0", up: true, stp: true, ageingTimeMs: 20_000 });
      await inA.linkAdd({ kind: "veth", name: "va", master: "br0", up: true, peer: { name: "vb", netns: b } });
      const bridge = await inA.linkGet("br0");
      assert.ok(bridge.info?.kind === "bridge");
      assert.deepEqual([bridge.info.stp, bridge.info.ageingTimeMs], [true, 20_000]);
      const ports = await inA.linkList({ master: "br0" });
      assert.deepEqual(
        ports.map(({ name, master }) => ({ name, master })),
        [{ name: "va", master: bridge.index }],
      );
      await inA.linkSet("br0", { bridge: { ageingTimeMs: 30_000 } });
      const changed = await inA.linkGet("br0");
      assert.equal(changed.info?.kind === "bridge" && changed.info.ageingTimeMs, 30_000);
      await inA.linkSet("va", { master: null });
      assert.equal((await inA.linkGet("va")).master, undefined);
      await assert.rejects(inA.linkSet("va", { master: "lo" }));
    },
  },
  {
    title: "a peer can join a bridge of its own namespace as it is made",
    async run({ inA, inB, b }) {
      await inB.linkAdd({ kind: "bridge", name: "br0" });
      await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb", netns: b, master: "br0" } });
      assert.equal((await inB.linkGet("vb")).master, (await inB.linkGet("br0")).index);
    },
  },
  {
    title: "a vxlan appears in another namespace with its settings",
    needs: "vxlan",
    async run({ inA, inB, b }) {
      await inA.linkAdd({
        kind: "vxlan",
        name: "vx0",
        netns: b,
        id: 4242,
        local: "10.0.0.1",
        remote: "10.0.0.2",
        learning: false,
        alias: "nsmkit:vx",
      });
      const link = await inB.linkGet("vx0");
      assert.deepEqual(link.info, {
        kind: "vxlan",
        id: 4242,
        local: "10.0.0.1",
        remote: "10.0.0.2",
        port: 4789,
        learning: false,
        ttl: 0,
      });
      assert.equal(link.alias, "nsmkit:vx");
      assert.deepEqual(
        (await inB.linkList({ kind: "vxlan" })).map(({ name }) => name),
        ["vx0"],
      );
    },
  },
  {
    title: "a tap is persistent and takes the settings of any link",
    needs: "tap",
    async run({ inA, inB, b }) {
      await inA.linkAdd({
        kind: "tap",
        name: "tap0",
        netns: b,
        mac: "02:00:00:00:00:77",
        mtu: 1400,
        alias: "nsmkit:tap",
      });
      const { kind, info, mac, mtu, alias } = await inB.linkGet("tap0");
      assert.deepEqual(
        { kind, info, mac, mtu, alias },
        {
          kind: "tun",
          info: { kind: "tun", mode: "tap", persist: true },
          mac: "02:00:00:00:00:77",
          mtu: 1400,
          alias: "nsmkit:tap",
        },
      );
      await rejectsWith(inB.linkAdd({ kind: "tap", name: "tap0" }), "ALREADY_EXISTS", /"tap0"/);
    },
  },
  {
    title: "a vlan has its parent and goes with it",
    needs: "vlan",
    async run({ inA }) {
      await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb" } });
      await inA.linkAdd({ kind: "vlan", name: "va.7", link: "va", id: 7 });
      const vlan = await inA.linkGet("va.7");
      assert.deepEqual(vlan.info, { kind: "vlan", id: 7, protocol: "802.1Q" });
      assert.equal(vlan.peer, (await inA.linkGet("va")).index);
      await inA.linkDelete("va");
      await rejectsWith(inA.linkGet("va.7"), "NOT_FOUND");
    },
  },
  {
    title: "deleting one end of a veth deletes the other",
    async run(world) {
      await connect(world);
      await world.inA.linkDelete("va");
      await rejectsWith(world.inB.linkGet("vb"), "NOT_FOUND");
    },
  },
  {
    title: "deleting many links deletes those that exist and names those that do not",
    async run({ inA, b }) {
      const names = Array.from({ length: 40 }, (_, index) => `v${index}`);
      const made = await inA.batch(
        names.map((name) => linkAdd({ kind: "veth", name, peer: { name, netns: b } })),
        { onError: "continue" },
      );
      assert.equal(firstFailure(made), undefined);
      const [result] = await inA.batch([linkDelete(["gone", ...names, "away"])]);
      assert.ok(!result.ok);
      assert.equal(result.error.code, "NOT_FOUND");
      assert.deepEqual(result.error.details.missing, ["gone", "away"]);
      assert.deepEqual(
        (await inA.linkList()).map((link) => link.name),
        ["lo"],
      );
    },
  },
  {
    title: "a link that cannot be deleted does not keep the others, and is told of",
    async run({ inA }) {
      await inA.linkAdd({ kind: "veth", name: "va", group: 9, peer: { name: "vb" } });
      const [result] = await inA.batch([linkDelete(["lo", "va"])]);
      assert.ok(!result.ok);
      assert.equal(result.error.code, "UNSUPPORTED");
      const [left, ...more] = await inA.linkList();
      assert.equal(more.length, 0);
      assert.deepEqual([left?.name, left?.group], ["lo", 0]);
    },
  },
  {
    title: "both ends of one pair may be deleted together",
    async run({ inA }) {
      await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb" } });
      await inA.linkDelete(["va", "vb"]);
      assert.equal((await inA.linkList()).length, 1);
    },
  },
  {
    title: "addresses are added once, replaced, listed by link and family, deleted once",
    async run(world) {
      await connect(world);
      const { inA } = world;
      await rejectsWith(inA.addrAdd({ link: "va", address: "10.0.0.1/24" }), "ALREADY_EXISTS", /10\.0\.0\.1\/24/);
      await inA.addrReplace({ link: "va", address: "10.0.0.1/24" });
      await inA.addrAdd({ link: "va", address: "fd00::1/64", nodad: true });
      await inA.addrAdd({ link: "va", address: "10.7.0.1/32", peer: "10.7.0.2", scope: "link" });
      const four = (await inA.addrList({ link: "va", family: 4 })).toSorted((x, y) => (x.address < y.address ? -1 : 1));
      assert.deepEqual(
        four.map(({ address, peer, scope, permanent }) => ({ address, peer, scope, permanent })),
        [
          { address: "10.0.0.1/24", peer: undefined, scope: "global", permanent: true },
          { address: "10.7.0.1/32", peer: "10.7.0.2", scope: "link", permanent: true },
        ],
      );
      const six = (await inA.addrList({ link: "va", family: 6 })).filter((addr) => addr.scope === "global");
      assert.deepEqual(
        six.map(({ address, tentative }) => ({ address, tentative })),
        [{ address: "fd00::1/64", tentative: false }],
      );
      await inA.addrDelete({ link: "va", address: "10.7.0.1/32", peer: "10.7.0.2" });
      await rejectsWith(inA.addrDelete({ link: "va", address: "10.7.0.1/32" }), "NOT_FOUND", /10\.7\.0\.1/);
    },
  },
  {
    title: "an address brings the route to its network while its link is up",
    async run(world) {
      await connect(world);
      const { inA } = world;
      const attached = { destination: "10.0.0.0/24", protocol: 2, scope: "link", source: "10.0.0.1" };
      const pick = async () =>
        (await inA.routeList(mainTable)).map(({ destination, protocol, scope, source }) => ({
          destination,
          protocol,
          scope,
          source,
        }));
      assert.deepEqual(await pick(), [attached]);
      await inA.linkSet("va", { up: false });
      assert.deepEqual(await pick(), []);
      await inA.linkSet("va", { up: true });
      assert.deepEqual(await pick(), [attached]);
      await inA.addrAdd({ link: "va", address: "10.5.0.1/24", noPrefixRoute: true });
      assert.deepEqual(await pick(), [attached]);
      await inA.addrDelete({ link: "va", address: "10.0.0.1/24" });
      assert.deepEqual(await pick(), []);
    },
  },
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
  {
    title: "neighbours are added once, replaced, listed by link and deleted once",
    async run(world) {
      await connect(world);
      const { inA } = world;
      const link = (await inA.linkGet("va")).index;
      const neigh = { link: "va", address: "10.0.0.9", mac: "02:00:00:00:00:09" } as const;
      await inA.neighAdd(neigh);
      await rejectsWith(inA.neighAdd(neigh), "ALREADY_EXISTS", /10\.0\.0\.9/);
      await inA.neighReplace({ ...neigh, mac: "02:00:00:00:00:0a" });
      await inA.neighAdd({ link: "va", address: "fd00::9", mac: "02:00:00:00:00:06" });
      assert.deepEqual(
        (await inA.neighList({ link: "va", family: 4 })).filter((each) => each.state === "permanent"),
        [
          {
            link,
            family: 4,
            address: "10.0.0.9",
            mac: "02:00:00:00:00:0a",
            state: "permanent",
            proxy: false,
            router: false,
          },
        ],
      );
      await inA.neighDelete(neigh);
      await rejectsWith(inA.neighDelete(neigh), "NOT_FOUND");
    },
  },
  {
    title: "another namespace has no id until it is given one, and keeps it",
    async run({ inA, b, a }) {
      assert.equal(await inA.nsidGet(b), undefined);
      await inA.nsidSet(b, 12);
      assert.equal(await inA.nsidGet(b), 12);
      await rejectsWith(inA.nsidSet(b, 13), "ALREADY_EXISTS");
      await inA.nsidSet(a);
      assert.equal(typeof (await inA.nsidGet(a)), "number");
    },
  },
  {
    title: "a sysctl belongs to its namespace",
    async run({ inA, inB }) {
      await inA.batch([sysctlSet("net.ipv4.ip_forward", "1")]);
      assert.equal(await inA.sysctlGet("net.ipv4.ip_forward"), "1");
      assert.equal(await inB.sysctlGet("net/ipv4/ip_forward"), "0");
    },
  },
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
  {
    title: "a ping over a cable is answered, to an address that nobody has it is not",
    async run(world) {
      await connect(world);
      const good = await world.inA.ping({ destination: "10.0.0.2", source: "10.0.0.1", count: 3, intervalMs: 5 });
      assert.deepEqual([good.sent, good.received, good.rttMs.length], [3, 3, 3]);
      const lost = await world.inA.ping({ destination: "10.0.0.77", count: 2, intervalMs: 5, timeoutMs: 50 });
      assert.deepEqual([lost.sent, lost.received], [2, 0]);
      const noRoute = await world.inA.ping({ destination: "192.0.2.1", timeoutMs: 50 });
      assert.equal(noRoute.received, 0);
    },
  },
  {
    title: "a ping crosses a bridge",
    async run({ netlink, a, b, inA }) {
      await using middle = await netlink.namespaces.create();
      const results = await netlink.execute([
        {
          netns: middle,
          ops: [
            linkAdd({ kind: "bridge", name: "br0", up: true }),
            linkAdd({ kind: "veth", name: "p1", master: "br0", up: true, peer: { name: "eth0", netns: a, up: true } }),
            linkAdd({ kind: "veth", name: "p2", master: "br0", up: true, peer: { name: "eth0", netns: b, up: true } }),
          ],
        },
        { netns: a, ops: [addrAdd({ link: "eth0", address: "10.0.0.1/24" })] },
        { netns: b, ops: [addrAdd({ link: "eth0", address: "10.0.0.2/24" })] },
      ]);
      assert.equal(firstFailure(results), undefined);
      const result = await inA.ping({ destination: "10.0.0.2", count: 1, timeoutMs: 2000 });
      assert.equal(result.received, 1);
    },
  },
  {
    title: "a malformed ping is refused before anything is sent",
    async run({ inA }) {
      await rejectsWith(inA.ping({ destination: "10.0.0" }), "INVALID_ARGUMENT", /destination/);
      await rejectsWith(inA.ping({ destination: "10.0.0.1", source: "fd00::1" }), "INVALID_ARGUMENT", /source/);
      await rejectsWith(inA.ping({ destination: "fe80::1" }), "INVALID_ARGUMENT", /link-local/);
      await rejectsWith(inA.ping({ destination: "10.0.0.1", count: 0 }), "INVALID_ARGUMENT", /count/);
    },
  },
  {
    title: "a namespace is the same however it is opened",
    async run({ netlink, a }) {
      await using byFd = await netlink.namespaces.open({ fd: a.fd });
      assert.deepEqual(byFd.identity, a.identity);
      assert.notEqual(byFd.fd, a.fd);
      await using own = netlink.handle(byFd);
      assert.equal((await own.linkList()).length, 1);
    },
  },
  {
    title: "a closed handle or namespace refuses requests with CLOSED",
    async run({ netlink }) {
      const netns = await netlink.namespaces.create();
      const handle = netlink.handle(netns);
      await handle.close();
      await handle.close();
      await rejectsWith(handle.linkList(), "CLOSED");
      await netns.close();
      await netns.close();
      const [[result] = []] = await netlink.execute([{ netns, ops: [linkList()] }]);
      assert.ok(result && !result.ok && result.error.code === "CLOSED");
    },
  },
  {
    title: "a request cancelled before it starts does nothing",
    async run({ inA }) {
      const signal = AbortSignal.abort();
      await rejectsWith(inA.linkAdd({ kind: "bridge", name: "br0" }, { signal }), "ABORTED");
      assert.equal((await inA.linkList()).length, 1);
    },
  },
  {
    title: "links of a namespace that nobody holds any more disappear with it",
    async run({ netlink, inA }) {
      const netns = await netlink.namespaces.create();
      await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb", netns } });
      await using monitor = await inA.monitor({ groups: ["link"] });
      await netns.close();
      await nextEvent(
        monitor,
        (event) => event.type === "link" && event.action === "delete" && event.link.name === "va",
      );
    },
  },
];

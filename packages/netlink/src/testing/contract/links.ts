import assert from "node:assert/strict";
import { type ContractCase, rejectsWith } from "./case.ts";

export const linksContract: readonly ContractCase[] = [
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
];

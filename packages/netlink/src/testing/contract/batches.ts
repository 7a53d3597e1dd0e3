import assert from "node:assert/strict";
import { addrAdd, linkAdd, linkGet, linkSet, routeAdd } from "../../ops.ts";
import { firstFailure } from "../../results.ts";
import { type ContractCase, codesOf, rejectsWith } from "./case.ts";

export const batchesContract: readonly ContractCase[] = [
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
    title: "a request cancelled before it starts does nothing",
    async run({ inA }) {
      const signal = AbortSignal.abort();
      await rejectsWith(inA.linkAdd({ kind: "bridge", name: "br0" }, { signal }), "ABORTED");
      assert.equal((await inA.linkList()).length, 1);
    },
  },
];

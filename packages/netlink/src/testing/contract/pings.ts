import assert from "node:assert/strict";
import { addrAdd, linkAdd } from "../../ops.ts";
import { firstFailure } from "../../results.ts";
import { type ContractCase, connect, operational, rejectsWith } from "./case.ts";

export const pingsContract: readonly ContractCase[] = [
  {
    title: "a ping over a cable is answered, to an address that nobody has it is not",
    async run(world) {
      await connect(world);
      const good = await world.inA.ping({
        destination: "10.0.0.2",
        source: "10.0.0.1",
        count: 3,
        intervalMs: 5,
        timeoutMs: 5000,
      });
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
      await using inMiddle = netlink.handle(middle);
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
      for (const port of ["p1", "p2"]) await operational(inMiddle, port);
      const result = await inA.ping({ destination: "10.0.0.2", count: 1, timeoutMs: 5000 });
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
];

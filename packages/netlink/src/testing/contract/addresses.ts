import assert from "node:assert/strict";
import { type ContractCase, connect, mainTable, rejectsWith } from "./case.ts";

export const addressesContract: readonly ContractCase[] = [
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
];

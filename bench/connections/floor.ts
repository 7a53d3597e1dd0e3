/** What the kernel can do without a mesh: the same links, addresses and routes, asked for directly in batches. */
import assert from "node:assert/strict";
import { addrReplace, linkAdd, linkDelete, type Netlink, type Netns, type Op, routeReplace } from "@nsmkit/netlink";

const perBatch = 16;

/** @returns pairs per second, with the addresses and routes of a connection on both ends */
export async function kernelPairsPerSecond(netlink: Netlink, count: number): Promise<number> {
  await using a = await netlink.namespaces.create();
  await using b = await netlink.namespaces.create();
  const began = performance.now();
  for (let from = 0; from < count; from += perBatch) {
    const ids = Array.from({ length: Math.min(perBatch, count - from) }, (_, i) => from + i);
    const links = ids.map((i) =>
      linkAdd({
        kind: "veth",
        name: `c${i}`,
        up: true,
        alias: `bench/${i}/client`,
        netns: a,
        peer: { name: `s${i}`, up: true, alias: `bench/${i}/server`, netns: b },
      }),
    );
    const results = await netlink.execute(
      [
        { netns: a, ops: links },
        { netns: a, ops: ids.flatMap((i) => ends(`c${i}`, 2 * i + 1, 2 * i)) },
        { netns: b, ops: ids.flatMap((i) => ends(`s${i}`, 2 * i, 2 * i + 1)) },
      ],
      { onError: "continue" },
    );
    assert.ok(results.flat().every((result) => result.ok));
  }
  const seconds = (performance.now() - began) / 1000;
  await using inA = netlink.handle(a);
  assert.equal((await inA.linkList({ kind: "veth" })).length, count);
  await remove(netlink, a, count);
  return count / seconds;
}

const ip = (n: number): string => `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}/32`;

const ends = (link: string, own: number, far: number): Op[] => [
  addrReplace({ link, address: ip(own) }),
  routeReplace({ link, destination: ip(far) }),
];

async function remove(netlink: Netlink, netns: Netns, count: number): Promise<void> {
  const links = Array.from({ length: count }, (_, i) => `c${i}`);
  const [[result] = []] = await netlink.execute([{ netns, ops: [linkDelete(links)] }]);
  assert.ok(result?.ok);
}

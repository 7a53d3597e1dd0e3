import assert from "node:assert/strict";
import { addrAdd, firstFailure, type Handle, linkAdd, linkSet, routeAdd } from "@nsmkit/netlink";
import { type Contender, destination, gateway, linkName, nearAddress, range } from "./scenario.ts";

async function setUp(handle: Handle, count: number): Promise<number> {
  const ops = range(count).map((i) => linkSet(linkName(i), { up: true }));
  assert.equal(firstFailure(await handle.batch(ops, { onError: "continue" })), undefined);
  return count;
}

/** One batch per phase, as an owner of many links would do it. */
export function kernelContender(): Contender {
  const onError = "continue";
  return {
    create: async ({ inA, b }, count) => {
      const ops = range(count).map((i) =>
        linkAdd({ kind: "veth", name: linkName(i), peer: { name: linkName(i), netns: b } }),
      );
      assert.equal(firstFailure(await inA.batch(ops, { onError })), undefined);
      return count;
    },
    address: async ({ inA }, count) => {
      const ops = range(count).map((i) => addrAdd({ link: linkName(i), address: nearAddress(i) }));
      assert.equal(firstFailure(await inA.batch(ops, { onError })), undefined);
      return count;
    },
    up: ({ inA }, count) => setUp(inA, count),
    carrier: ({ inB }, count) => setUp(inB, count),
    route: async ({ inA }, count) => {
      const ops = range(count).map((i) => routeAdd({ destination: destination(i), gateway: gateway(i), protocol: 4 }));
      assert.equal(firstFailure(await inA.batch(ops, { onError })), undefined);
      return count;
    },
    delete: async ({ inA }, count) => {
      await inA.linkDelete(range(count).map(linkName));
      assert.equal((await inA.linkList({ kind: "veth" })).length, 0);
      return count;
    },
  };
}

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Handle, Netlink, Netns } from "@nsmkit/netlink";

export const phases = ["create", "address", "up", "carrier", "route", "delete"] as const;
export type Phase = (typeof phases)[number];

/** Does a phase for pairs 0..count-1. @returns how many ops it was */
export type RunPhase = (arena: Arena, count: number) => Promise<number>;
export type Contender = Readonly<Record<Phase, RunPhase>>;

/** Two named namespaces: near ends in a, far ends in b. */
export interface Arena {
  readonly nameA: string;
  readonly nameB: string;
  readonly a: Netns;
  readonly b: Netns;
  readonly inA: Handle;
  readonly inB: Handle;
  /** Throws unless the phase left what it should. @param ops as the contender counted them */
  check(phase: Phase, ops: number): Promise<void>;
}

export const linkName = (index: number): string => `v${index}`;
export const nearAddress = (index: number): string => `10.${index >> 8}.${index & 255}.1/24`;
export const gateway = (index: number): string => `10.${index >> 8}.${index & 255}.2`;
export const destination = (index: number): string => `20.${index >> 8}.${index & 255}.0/24`;
export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Fresh namespaces, removed whatever happens. */
export async function withNamespaces(netlink: Netlink, body: (arena: Arena) => Promise<void>): Promise<void> {
  const id = randomBytes(3).toString("hex");
  const [nameA, nameB] = [`nsmkit-bench-${id}a`, `nsmkit-bench-${id}b`];
  const stack = new AsyncDisposableStack();
  await using _ = stack;
  const make = async (name: string): Promise<{ netns: Netns; handle: Handle }> => {
    const netns = stack.use(await netlink.namespaces.create({ name }));
    stack.defer(() => netlink.namespaces.delete({ name }));
    return { netns, handle: stack.use(netlink.handle(netns)) };
  };
  const near = await make(nameA);
  const far = await make(nameB);
  const [inA, inB] = [near.handle, far.handle];
  await body({
    nameA,
    nameB,
    a: near.netns,
    b: far.netns,
    inA,
    inB,
    check: (phase, ops) => check(inA, inB, phase, ops),
  });
  // What a contender left is deleted here by group: letting the kernel clean it up would disturb the next one.
  const left = (await inA.linkList({ kind: "veth" })).map((link) => link.index);
  if (left.length > 0) await inA.linkDelete(left);
}

async function check(inA: Handle, inB: Handle, phase: Phase, ops: number): Promise<void> {
  const near = await inA.linkList({ kind: "veth" });
  switch (phase) {
    case "create":
      assert.equal(near.length, ops);
      assert.equal((await inB.linkList({ kind: "veth" })).length, ops);
      break;
    case "address":
      assert.equal((await inA.addrList({ family: 4 })).length, ops);
      break;
    case "up":
      assert.equal(near.filter((link) => link.up).length, ops);
      break;
    case "carrier":
      // The far ends went up.
      assert.equal(near.filter((link) => link.carrier).length, ops);
      break;
    case "route":
      assert.equal((await inA.routeList({ family: 4, table: 254, protocol: 4 })).length, ops);
      break;
    case "delete":
      break;
  }
}

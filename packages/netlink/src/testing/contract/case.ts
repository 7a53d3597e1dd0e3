/**
 * What every implementation of `Netlink` must do, as cases that run on the fake and on the kernel: a fake that behaves
 * otherwise would make the tests that use it lie.
 */
import assert from "node:assert/strict";
import { type ErrorCode, isCodedError } from "@nsmkit/core";
import type { MonitorEvent } from "../../api/monitor.ts";
import type { Handle, Monitor, Netlink, OpResult } from "../../api/netlink.ts";
import type { Netns } from "../../api/netns.ts";
import { addrAdd, linkAdd } from "../../ops.ts";
import { firstFailure } from "../../results.ts";

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

export const codesOf = (results: readonly OpResult[]): string[] =>
  results.map((result) => (result.ok ? "ok" : result.error.code));

/** A veth pair "va" in a and "vb" in b, addressed, up and in working order. */
export async function connect({ netlink, a, b, inA, inB }: World): Promise<void> {
  const results = await netlink.execute([
    { netns: a, ops: [linkAdd({ kind: "veth", name: "va", up: true, peer: { name: "vb", netns: b, up: true } })] },
    { netns: a, ops: [addrAdd({ link: "va", address: "10.0.0.1/24" })] },
    { netns: b, ops: [addrAdd({ link: "vb", address: "10.0.0.2/24" })] },
  ]);
  assert.equal(firstFailure(results), undefined);
  await operational(inA, "va");
  await operational(inB, "vb");
}

/** The kernel activates a new link's queue a moment after it is up (net/core/link_watch.c) and drops what comes before. */
export async function operational(handle: Handle, name: string): Promise<void> {
  while ((await handle.linkGet(name)).operState !== "up") await new Promise((resolve) => setTimeout(resolve, 2));
}

export const mainTable = { family: 4, table: 254 } as const;

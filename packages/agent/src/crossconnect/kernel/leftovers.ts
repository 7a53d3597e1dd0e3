/** What stands where a connection's interfaces shall be: after a restart of ours, or by somebody else's hand. */
import { CodedError } from "@nsmkit/core";
import { addrDelete, addrList, type Link, linkGet, type Netlink, type OpResult } from "@nsmkit/netlink";
import type { CallOptions } from "./inventory.ts";
import { connectionOfMark, markOf } from "./mark.ts";
import type { LocalEnd } from "./wiring.ts";

export interface Leftovers {
  /** The link is there with both ends as wanted: keep it, so that its traffic does not stop. */
  readonly intact: boolean;
  /** Ends of ours that stand in the way. */
  readonly remove: readonly LocalEnd[];
}

/**
 * Looks at interfaces whose names were taken.
 * @param isLive whether a connection id is one that we serve now
 * @throws ALREADY_EXISTS (not ours), CONFLICT (of another live connection)
 */
export async function inspectLeftovers(
  netlink: Netlink,
  connectionId: string,
  ends: readonly LocalEnd[],
  isLive: (connectionId: string) => boolean,
  options: CallOptions,
): Promise<Leftovers> {
  const found = await netlink.execute(
    ends.map((end) => ({ netns: end.netns, ops: [linkGet(end.plan.name), addrList({ link: end.plan.name })] })),
    { ...options, onError: "continue" },
  );
  const present = ends.flatMap((end, index) => {
    const result = found[index]?.[0];
    return result?.ok ? [{ end, link: result.value as Link, addresses: found[index]?.[1] }] : [];
  });
  for (const { end, link } of present) {
    const owner = connectionOfMark(link.alias);
    if (owner === undefined) {
      throw new CodedError(
        "ALREADY_EXISTS",
        `connection ${connectionId}: interface ${link.name} exists in the ${end.side}'s network namespace and is not ours; choose another interface name`,
        { details: { interface: link.name } },
      );
    }
    if (owner !== connectionId && isLive(owner)) {
      throw new CodedError(
        "CONFLICT",
        `connection ${connectionId}: interface ${link.name} belongs to connection ${owner}; choose another interface name`,
        { details: { interface: link.name, owner } },
      );
    }
  }
  const intact =
    present.length === ends.length &&
    present.every(({ end, link }) => link.alias === markOf(connectionId, end.side) && link.up && link.carrier);
  if (!intact) return { intact, remove: present.map(({ end }) => end) };
  const steps = present.map(({ end, addresses }) => ({
    netns: end.netns,
    ops: staleAddresses(addresses, end).map((address) => addrDelete({ link: end.plan.name, address })),
  }));
  await netlink.execute(steps, { ...options, onError: "continue" });
  return { intact, remove: [] };
}

/** Global addresses that are there and no longer wanted; link-local ones stay (sdk-kernel, ipaddress). */
function staleAddresses(result: OpResult | undefined, end: LocalEnd): string[] {
  if (!result?.ok) return [];
  const present = result.value as readonly { address: string; scope: string }[];
  return present.filter((a) => a.scope === "global" && !end.plan.addresses.includes(a.address)).map((a) => a.address);
}

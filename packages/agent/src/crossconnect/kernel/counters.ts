/** Counters of connections, and with them the proof that their links stand. */
import { type Link, type LinkStatistics, linkGet, type Netlink } from "@nsmkit/netlink";
import { markOf, type Side } from "./mark.ts";
import type { Fitted } from "./setup.ts";

/**
 * One side's traffic as the forwarder sees it: what the Pod sends is received. Names of
 * networkservicemesh/cmd-forwarder-vpp (`client_rx_bytes` ...).
 */
export interface SideCounters {
  readonly side: Side;
  /** Name of the interface in the Pod. */
  readonly interface: string;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly drops: number;
}

/** Reads the links of many connections in one go. @returns per connection; undefined where a link is not there any more */
export async function readCounters(
  netlink: Netlink,
  connections: readonly Fitted[],
): Promise<(readonly SideCounters[] | undefined)[]> {
  const places = connections.flatMap((connection) => connection.places);
  const results = await netlink.execute(
    places.map(({ netns, index }) => ({ netns, ops: [linkGet(index, { statistics: true })] })),
    { onError: "continue" },
  );
  let next = 0;
  return connections.map((connection) => {
    const own = results.slice(next, next + connection.places.length);
    next += connection.places.length;
    const sides = connection.ends.map(({ side }, i) => {
      const result = own[i]?.[0];
      const link = result?.ok ? (result.value as Link) : undefined;
      if (!link?.statistics || link.alias !== markOf(connection.owner, connection.connectionId, side)) return undefined;
      return countersOf(side, link.name, link.statistics);
    });
    return sides.every((side) => side !== undefined) ? sides : undefined;
  });
}

const countersOf = (side: Side, name: string, s: LinkStatistics): SideCounters => ({
  side,
  interface: name,
  rxBytes: s.txBytes,
  txBytes: s.rxBytes,
  rxPackets: s.txPackets,
  txPackets: s.rxPackets,
  drops: s.rxDropped + s.txDropped,
});

/** Path segment metrics (networkservicemesh/sdk, common/metrics). */
export function metricsOf(sides: readonly SideCounters[]): Record<string, string> {
  const metrics: Record<string, string> = {};
  for (const { side, interface: name, rxBytes, txBytes, rxPackets, txPackets, drops } of sides) {
    metrics[`${side}_interface`] = `KERNEL/${name}`;
    metrics[`${side}_rx_bytes`] = String(rxBytes);
    metrics[`${side}_tx_bytes`] = String(txBytes);
    metrics[`${side}_rx_packets`] = String(rxPackets);
    metrics[`${side}_tx_packets`] = String(txPackets);
    metrics[`${side}_drops`] = String(drops);
  }
  return metrics;
}

/** Of a connection that has just been made. */
export const namesOf = ({ ends }: Pick<Fitted, "ends">): Record<string, string> =>
  Object.fromEntries(ends.map(({ side, plan }) => [`${side}_interface`, `KERNEL/${plan.name}`]));

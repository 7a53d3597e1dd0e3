/** Reading the data plane: our links wherever they are, and their counters. */
import { readdir } from "node:fs/promises";
import { type Link, linkGet, linkList, type Netlink } from "@nsmkit/netlink";
import { connectionOfMark } from "./mark.ts";
import type { LocalEnd } from "./wiring.ts";

export interface CallOptions {
  readonly signal: AbortSignal;
}

/** A link that carries our mark. */
export interface Marked {
  readonly netnsPath: string;
  readonly link: string;
}

/** Every marked link of every namespace that a process is in, by connection id. */
export async function scanMarks(netlink: Netlink, options: CallOptions): Promise<Map<string, Marked[]>> {
  const found = new Map<string, Marked[]>();
  const seen = new Set<string>();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const named = (await netlink.namespaces.list(options)).map(({ path }) => path);
  for (const netnsPath of [...named, ...pids.map((pid) => `/proc/${pid}/ns/net`)]) {
    // A process may end while we look, and others' may be closed to us: neither has links for us to clean.
    const netns = await netlink.namespaces.open({ path: netnsPath }, options).catch(() => undefined);
    if (!netns) continue;
    const key = `${netns.identity.dev}:${netns.identity.ino}`;
    try {
      if (seen.has(key)) continue;
      seen.add(key);
      const [results = []] = await netlink.execute([{ netns, ops: [linkList()] }], options);
      const result = results[0];
      for (const link of result?.ok ? (result.value as readonly Link[]) : []) {
        const id = connectionOfMark(link.alias);
        if (id !== undefined) found.set(id, [...(found.get(id) ?? []), { netnsPath, link: link.name }]);
      }
    } finally {
      await netns.close();
    }
  }
  return found;
}

/**
 * Path segment metrics (networkservicemesh/sdk, common/metrics): `<side>_interface` and, for a connection that has been
 * up, its counters as the forwarder sees them: what a client sends is `client_rx`.
 */
export async function counters(
  netlink: Netlink,
  ends: readonly LocalEnd[],
  withStatistics: boolean,
  options: CallOptions,
): Promise<Record<string, string>> {
  const metrics: Record<string, string> = {};
  for (const { side, plan } of ends) metrics[`${side}_interface`] = `KERNEL/${plan.name}`;
  if (!withStatistics) return metrics;
  const results = await netlink.execute(
    ends.map(({ netns, plan }) => ({ netns, ops: [linkGet(plan.name, { statistics: true })] })),
    { ...options, onError: "continue" },
  );
  ends.forEach(({ side }, index) => {
    const result = results[index]?.[0];
    const s = result?.ok ? (result.value as Link).statistics : undefined;
    if (!s) return;
    metrics[`${side}_rx_bytes`] = String(s.txBytes);
    metrics[`${side}_tx_bytes`] = String(s.rxBytes);
    metrics[`${side}_rx_packets`] = String(s.txPackets);
    metrics[`${side}_tx_packets`] = String(s.rxPackets);
    metrics[`${side}_drops`] = String(s.rxDropped + s.txDropped);
  });
  return metrics;
}

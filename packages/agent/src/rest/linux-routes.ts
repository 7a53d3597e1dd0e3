import { Interface_Type as Type } from "@nsmkit/api/linux";
import { linkList } from "@nsmkit/netlink";
import type { RecordedKVWithMetadata, Scheduler } from "@nsmkit/scheduler";
import type { LinuxPlugin } from "../plugins/linux/index.ts";
import type { Route } from "./route.ts";

/** /dump/linux/v2/* and /stats/linux/interfaces: what really is there, in the form of ligato/vpp-agent plugins/restapi. */
export function linuxRoutes(scheduler: Scheduler, linux: LinuxPlugin): Route[] {
  const dump = (path: string, descriptor: string, show: (entry: RecordedKVWithMetadata) => unknown): Route => ({
    method: "GET",
    path: `/dump/linux/v2/${path}`,
    text: `${path} as the system has them`,
    handle: async ({ signal }) => ({ body: (await scheduler.dump({ descriptor, view: "SB" }, { signal })).map(show) }),
  });
  return [
    dump("interfaces", "linux-interface", ({ Value, Metadata }) => ({ interface: Value, interface_meta: Metadata })),
    dump("routes", "linux-route", ({ Value, Metadata }) => ({ Route: Value, Meta: Metadata })),
    dump("arps", "linux-arp", ({ Value, Metadata }) => ({ linux_arp: Value, linux_arp_meta: Metadata })),
    {
      method: "GET",
      path: "/stats/linux/interfaces",
      text: "counters of declared interfaces",
      handle: async ({ signal }) => ({ body: await statistics(linux, signal) }),
    },
  ];
}

/** Field names of ligato/vpp-agent's InterfaceStatistics. */
async function statistics(linux: LinuxPlugin, signal: AbortSignal): Promise<unknown[]> {
  const { namespaces, interfaces, desired } = linux.context;
  const rows: unknown[] = [];
  for (const namespace of namespaces.all()) {
    const [links] = await namespace.handle.batch([linkList({ statistics: true })], { signal });
    if (!links.ok) throw links.error;
    const byIndex = new Map(links.value.map((link) => [link.index, link]));
    for (const [name, metadata] of interfaces().entries()) {
      const link = metadata.namespaceId === namespace.id ? byIndex.get(metadata.index) : undefined;
      if (!link) continue;
      rows.push({
        interface_name: name,
        interface_type: Type[desired(name)?.type ?? Type.UNDEFINED],
        linux_if_index: link.index,
        rx_packets: link.statistics?.rxPackets ?? 0,
        tx_packets: link.statistics?.txPackets ?? 0,
        rx_bytes: link.statistics?.rxBytes ?? 0,
        tx_bytes: link.statistics?.txBytes ?? 0,
        rx_errors: link.statistics?.rxErrors ?? 0,
        tx_errors: link.statistics?.txErrors ?? 0,
        rx_dropped: link.statistics?.rxDropped ?? 0,
        tx_dropped: link.statistics?.txDropped ?? 0,
      });
    }
  }
  return rows;
}

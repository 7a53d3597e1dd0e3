import { Interface_Type as Type } from "@nsmkit/api/linux";
import type { RecordedKVWithMetadata, Scheduler } from "@nsmkit/scheduler";
import { recordedJson } from "../northbound/recorded.ts";
import { readCounters } from "../plugins/linux/counters.ts";
import type { LinuxPlugin } from "../plugins/linux/index.ts";
import type { Route } from "./route.ts";

/** /dump/linux/v2/* and /stats/linux/interfaces: what really is there, in the form of ligato/vpp-agent plugins/restapi. */
export function linuxRoutes(scheduler: Scheduler, linux: LinuxPlugin): Route[] {
  const dump = (path: string, descriptor: string, show: (entry: RecordedKVWithMetadata) => unknown): Route => ({
    method: "GET",
    path: `/dump/linux/v2/${path}`,
    text: `${path} as the system has them`,
    group: "dump",
    handle: async ({ signal }) => ({ body: (await scheduler.dump({ descriptor, view: "SB" }, { signal })).map(show) }),
  });
  return [
    dump("interfaces", "linux-interface", (entry) => ({
      interface: recordedJson(entry),
      interface_meta: entry.Metadata,
    })),
    dump("routes", "linux-route", (entry) => ({ Route: recordedJson(entry), Meta: entry.Metadata })),
    dump("arps", "linux-arp", (entry) => ({ linux_arp: recordedJson(entry), linux_arp_meta: entry.Metadata })),
    {
      method: "GET",
      path: "/stats/linux/interfaces",
      text: "counters of declared interfaces",
      group: "stats",
      handle: async ({ signal }) => ({ body: await statistics(linux, signal) }),
    },
  ];
}

/** Field names of ligato/vpp-agent's InterfaceStatistics. */
async function statistics({ context }: LinuxPlugin, signal: AbortSignal): Promise<unknown[]> {
  const counters = await readCounters(context, { signal });
  return counters.map(({ name, link: { index, statistics } }) => ({
    interface_name: name,
    interface_type: Type[context.desired(name)?.type ?? Type.UNDEFINED],
    linux_if_index: index,
    rx_packets: statistics?.rxPackets ?? 0,
    tx_packets: statistics?.txPackets ?? 0,
    rx_bytes: statistics?.rxBytes ?? 0,
    tx_bytes: statistics?.txBytes ?? 0,
    rx_errors: statistics?.rxErrors ?? 0,
    tx_errors: statistics?.txErrors ?? 0,
    rx_dropped: statistics?.rxDropped ?? 0,
    tx_dropped: statistics?.txDropped ?? 0,
  }));
}

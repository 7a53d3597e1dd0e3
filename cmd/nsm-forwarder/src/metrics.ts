/** The counters of connections for Prometheus, with the names of networkservicemesh/cmd-forwarder-vpp. */
import type { SideCounters } from "@nsmkit/agent/crossconnect";
import type { Connection } from "@nsmkit/api/networkservice";
import type { Registry } from "prom-client";

export interface MetricsSource {
  connections(): readonly Connection[];
  counters(): Promise<ReadonlyMap<string, readonly SideCounters[]>>;
}

const labelNames = ["connection_id", "network_service", "nsc", "nsc_interface", "nse_interface"] as const;
const values = {
  rx_bytes: ["rxBytes", "Bytes received from"],
  tx_bytes: ["txBytes", "Bytes sent to"],
  rx_packets: ["rxPackets", "Packets received from"],
  tx_packets: ["txPackets", "Packets sent to"],
  drops: ["drops", "Packets dropped at"],
} as const;
const sides = { client: "the client", server: "the endpoint" } as const;

/** Registers ten counters per connection, which are read from the kernel at each scrape. */
export async function registerConnectionMetrics(registry: Registry, source: MetricsSource, prefix = ""): Promise<void> {
  const { Counter } = await import("prom-client");
  const before = prefix === "" ? "" : `${prefix}_`;
  let reading: Promise<readonly Reading[]> | undefined;
  // All ten are collected at once, and one look at the kernel serves them.
  const read = (): Promise<readonly Reading[]> => {
    reading ??= readAll(source).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  for (const [side, whom] of Object.entries(sides)) {
    for (const [value, [field, help]] of Object.entries(values)) {
      new Counter({
        name: `${before}${side}_${value}_total`,
        help: `${help} ${whom}`,
        labelNames,
        registers: [registry],
        async collect() {
          const readings = await read();
          this.reset();
          for (const { labels, counters } of readings) {
            const own = counters.find((each) => each.side === side);
            if (own) this.inc(labels, own[field]);
          }
        },
      });
    }
  }
}

interface Reading {
  readonly labels: Record<(typeof labelNames)[number], string>;
  readonly counters: readonly SideCounters[];
}

async function readAll(source: MetricsSource): Promise<readonly Reading[]> {
  const counters = await source.counters();
  return source.connections().flatMap((connection): Reading[] => {
    const own = counters.get(connection.id);
    if (!own) return [];
    const interfaceOf = (side: string): string => {
      const found = own.find((each) => each.side === side);
      return found ? `KERNEL/${found.interface}` : "";
    };
    const labels = {
      connection_id: connection.id,
      network_service: connection.networkService,
      nsc: connection.path?.pathSegments[0]?.id ?? "",
      nsc_interface: interfaceOf("client"),
      nse_interface: interfaceOf("server"),
    };
    return [{ labels, counters: own }];
  });
}

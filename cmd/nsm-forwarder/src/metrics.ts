/** The counters of connections for Prometheus, with the names of networkservicemesh/cmd-forwarder-vpp. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { SideCounters } from "@nsmkit/agent/crossconnect";
import type { Connection } from "@nsmkit/api/networkservice";
import { type Closable, CodedError, type Logger, messageOf } from "@nsmkit/core";
import { Counter, collectDefaultMetrics, Registry } from "prom-client";

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

/** Ten counters per connection, read from the kernel at each scrape, and Node's own metrics. */
export function connectionMetrics(source: MetricsSource, prefix = ""): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
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
  return registry;
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

/** Serves GET /metrics. @throws ALREADY_EXISTS, PERMISSION_DENIED, UNAVAILABLE naming the address */
export async function serveMetrics(
  registry: Registry,
  listenOn: { readonly host?: string; readonly port: number },
  logger: Logger,
): Promise<Closable & { readonly url: string }> {
  const server = createServer(async (request, response) => {
    if (request.url?.split("?")[0] !== "/metrics" || request.method !== "GET") {
      response.writeHead(404).end("only GET /metrics is here\n");
      return;
    }
    try {
      const text = await registry.metrics();
      response.writeHead(200, { "content-type": registry.contentType }).end(text);
    } catch (error) {
      logger.error("metrics could not be read", { error });
      response.writeHead(500).end(`${messageOf(error)}\n`);
    }
  });
  const where = `${listenOn.host ?? ""}:${listenOn.port}`;
  try {
    server.listen(listenOn);
    await once(server, "listening");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    throw new CodedError(
      code === "EADDRINUSE" ? "ALREADY_EXISTS" : code === "EACCES" ? "PERMISSION_DENIED" : "UNAVAILABLE",
      `cannot serve metrics on ${where}: ${messageOf(cause)}; set NSM_PROMETHEUS_LISTEN_ON to a free address`,
      { cause, retryable: false },
    );
  }
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  const { address, port, family } = server.address() as AddressInfo;
  const url = `http://${family === "IPv6" ? `[${address}]` : address}:${port}/metrics`;
  return { url, close, [Symbol.asyncDispose]: close };
}

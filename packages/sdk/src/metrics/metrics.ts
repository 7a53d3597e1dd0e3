import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Closable, CodedError, type Logger, messageOf } from "@nsmkit/core";
import { parseListenAddress } from "@nsmkit/core/config";
import type { Registry } from "prom-client";
import type { ServiceBinding } from "../transport/index.ts";
import { measured } from "./measured.ts";

/** Figures of a program, if it was asked for them; otherwise everything here costs nothing. */
export interface Metrics extends Closable {
  /** Of /metrics; undefined when not served. */
  readonly url: string | undefined;
  /** For figures with labels of a program's own; undefined when not served. */
  readonly register: Registry | undefined;
  /** Counts and times the calls of these services. */
  measured(bindings: readonly ServiceBinding[]): readonly ServiceBinding[];
  /** A figure that is read when somebody asks. */
  gauge(name: string, help: string, read: () => number): void;
}

const none: Metrics = {
  url: undefined,
  register: undefined,
  measured: (bindings) => bindings,
  gauge: () => {},
  close: async () => {},
  [Symbol.asyncDispose]: async () => {},
};

/** @throws ALREADY_EXISTS, PERMISSION_DENIED, UNAVAILABLE naming the address */
export async function openMetrics(
  config: { readonly prometheus: boolean; readonly prometheusListenOn: string },
  options: { readonly logger: Logger },
): Promise<Metrics> {
  if (!config.prometheus) return none;
  // Loaded only when asked for: 50 ms and 19 MB.
  const { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } = await import("prom-client");
  const register = new Registry();
  collectDefaultMetrics({ register });
  const registers = [register];
  const calls = {
    calls: new Counter({
      name: "nsm_rpc_total",
      help: "Calls served, by result.",
      labelNames: ["method", "code"],
      registers,
    }),
    seconds: new Histogram({
      name: "nsm_rpc_duration_seconds",
      help: "Time to serve a call.",
      labelNames: ["method"],
      buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1, 5, 15],
      registers,
    }),
    streams: new Gauge({ name: "nsm_rpc_streams", help: "Streams that are open.", labelNames: ["method"], registers }),
  } as const;
  const { server, url } = await serve(register, config.prometheusListenOn, options.logger);
  options.logger.info("serving metrics", { url });
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return {
    url,
    register,
    measured: (bindings) => measured(bindings, calls),
    gauge: (name, help, read) => {
      const collect = function (this: { set(value: number): void }): void {
        this.set(read());
      };
      register.registerMetric(new Gauge({ name, help, registers: [], collect }));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function serve(register: Registry, listenOn: string, logger: Logger): Promise<{ server: Server; url: string }> {
  const server = createServer(async (request, response) => {
    if (request.method !== "GET" || request.url?.split("?")[0] !== "/metrics") {
      response.writeHead(404).end("only GET /metrics is here\n");
      return;
    }
    try {
      const text = await register.metrics();
      response.writeHead(200, { "content-type": register.contentType }).end(text);
    } catch (error) {
      logger.error("metrics could not be read", { error });
      response.writeHead(500).end(`${messageOf(error)}\n`);
    }
  });
  try {
    server.listen(parseListenAddress(listenOn));
    await once(server, "listening");
  } catch (cause) {
    const errno = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const code = errno === "EADDRINUSE" ? "ALREADY_EXISTS" : errno === "EACCES" ? "PERMISSION_DENIED" : "UNAVAILABLE";
    throw new CodedError(
      code,
      `cannot serve metrics on ${listenOn}: ${messageOf(cause)}; set NSM_PROMETHEUS_LISTEN_ON to a free address`,
      { cause, retryable: false },
    );
  }
  const { address, port, family } = server.address() as AddressInfo;
  return { server, url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}/metrics` };
}

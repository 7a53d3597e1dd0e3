import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Clock, type Closable, CodedError, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import { Admission, type AdmissionOptions } from "./admission/admission.ts";
import { Handler } from "./handler.ts";
import type { Route } from "./route.ts";

export interface RestServerOptions extends AdmissionOptions {
  /** "0.0.0.0:9191", "[::1]:0", or "unix:/path" for a socket of this machine only. */
  readonly endpoint: string;
  readonly routes: readonly Route[];
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** PEM texts; with `clientCas` only clients with a certificate of theirs are served. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCas?: readonly string[] };
  /** Longest body, bytes; default 4 Mi. */
  readonly maxBodyBytes?: number;
  /** How long a client may take, ms: to send a whole request (30,000), its headers (10,000), to take an answer (60,000), between two requests (5,000); and how many bytes of headers (16 Ki). */
  readonly limits?: {
    readonly readMs?: number;
    readonly headerMs?: number;
    readonly writeMs?: number;
    readonly idleMs?: number;
    readonly headerBytes?: number;
  };
}

export interface RestServer extends Closable {
  /** Where it listens, with the real port: "http://0.0.0.0:9191" or "unix:/path". */
  readonly url: string;
}

const maxConnections = 256;
const handshakeTimeout = 10_000;

/** Serves routes over HTTP. @throws CodedError ALREADY_EXISTS when the address is taken, INVALID_CONFIG when it is none */
export async function listenRest(options: RestServerOptions): Promise<RestServer> {
  const { tls, limits = {}, logger = silentLogger, clock = systemClock } = options;
  const handler = new Handler({
    routes: options.routes,
    admission: await Admission.open(options, clock, tls !== undefined),
    logger,
    maxBodyBytes: options.maxBodyBytes ?? 4 * 1024 * 1024,
    writeMs: limits.writeMs ?? 60_000,
  });
  const listener = (request: IncomingMessage, response: ServerResponse): void => void handler.serve(request, response);
  const readMs = limits.readMs ?? 30_000;
  const bounds = {
    headersTimeout: Math.min(limits.headerMs ?? 10_000, readMs),
    requestTimeout: readMs,
    keepAliveTimeout: limits.idleMs ?? 5_000,
    maxHeaderSize: limits.headerBytes ?? 16 * 1024,
    // Node looks for those who take too long only so often.
    connectionsCheckingInterval: 1_000,
  };
  const server: Server = tls
    ? (await import("node:https")).createServer(
        {
          ...bounds,
          handshakeTimeout,
          minVersion: "TLSv1.2",
          cert: tls.cert,
          key: tls.key,
          ...(tls.clientCas ? { ca: [...tls.clientCas], requestCert: true, rejectUnauthorized: true } : {}),
        },
        listener,
      )
    : createServer(bounds, listener);
  server.maxConnections = maxConnections;
  server.on("tlsClientError", (error: Error, socket: TLSSocket) =>
    logger.warn("HTTP client refused", { peer: socket.remoteAddress, reason: error.message }),
  );
  const url = await bind(server, options.endpoint, tls !== undefined);
  server.on("error", (error) => logger.error("HTTP server failed", { error }));
  const close = async (): Promise<void> => {
    handler.stop();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), 1000);
    await closed;
    clearTimeout(timer);
  };
  return { url, close, [Symbol.asyncDispose]: close };
}

async function bind(server: Server, endpoint: string, tls: boolean): Promise<string> {
  const path = /^unix:(?:\/\/)?(\/.+)$/.exec(endpoint)?.[1];
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[^:/]*):(\d{1,5})$/.exec(endpoint) ?? [];
  if (path === undefined && (host === undefined || Number(port) > 65_535))
    throw new CodedError(
      "INVALID_CONFIG",
      `HTTP endpoint is ${JSON.stringify(endpoint)}; write host:port or unix:/path`,
    );
  if (path !== undefined) await removeStale(path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(explain(endpoint, cause)));
    const ready = (): void => {
      server.removeAllListeners("error");
      resolve();
    };
    if (path !== undefined) server.listen({ path }, ready);
    else server.listen({ host: host?.replace(/^\[|\]$/g, "") || "0.0.0.0", port: Number(port) }, ready);
  });
  if (path !== undefined) return `unix:${path}`;
  return `${tls ? "https" : "http"}://${host || "0.0.0.0"}:${(server.address() as AddressInfo).port}`;
}

/** Removes a socket file that nobody listens on any more. */
async function removeStale(path: string): Promise<void> {
  const live = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
  if (!live) await rm(path, { force: true });
}

function explain(endpoint: string, cause: NodeJS.ErrnoException): CodedError {
  if (cause.code === "EADDRINUSE")
    return new CodedError(
      "ALREADY_EXISTS",
      `HTTP endpoint ${endpoint} is taken by another program; set HTTP_PORT or http.conf to a free one`,
      { cause },
    );
  if (cause.code === "EACCES")
    return new CodedError(
      "PERMISSION_DENIED",
      `HTTP endpoint ${endpoint} may not be opened; choose a port of 1024 or more`,
      { cause },
    );
  return new CodedError("INVALID_CONFIG", `HTTP endpoint ${endpoint} cannot be opened: ${cause.message}`, { cause });
}

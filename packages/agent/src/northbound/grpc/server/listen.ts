import { type Closable, CodedError, isCodedError, type Logger, silentLogger } from "@nsmkit/core";
import { type ClientTls, formatTarget, type ListenOptions, listen, type ServiceBinding } from "@nsmkit/sdk/transport";
import type { GrpcMetrics } from "./metrics.ts";

/** Where a gRPC server listens. */
export type GrpcPlace =
  | { readonly network: "tcp" | "tcp4" | "tcp6"; readonly host: string; readonly port: number }
  | {
      readonly network: "unix";
      readonly path: string;
      /** Default 0o777, as the original; the directory decides then. */
      readonly mode?: number;
      /** Take the place of a socket even if somebody serves it; default false: only of one that was left behind. */
      readonly takeOver?: boolean;
    };

export interface GrpcServerOptions {
  readonly place: GrpcPlace;
  readonly services: readonly ServiceBinding[];
  /** PEM texts; with `clientCas` only clients with a certificate of theirs are served. Undefined: no TLS. */
  readonly tls?: ClientTls;
  /** Longest request; default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Calls of one connection at a time; default 1000. */
  readonly maxConcurrentStreams?: number;
  /** How long a client may take until it speaks HTTP/2, ms; default 10,000. */
  readonly handshakeTimeoutMs?: number;
  readonly logger?: Logger;
  readonly metrics?: GrpcMetrics;
}

export interface GrpcServer extends Closable {
  /** "tcp://0.0.0.0:9111" with the real port, "tcp://:9111" without a host, or "unix:///path". */
  readonly url: string;
}

const maxConnections = 256;
const usualConcurrentStreams = 1000;
/** How long running calls may take to end after `close`, ms. */
const graceMs = 1000;

/**
 * Serves gRPC for tools outside the mesh: the SDK's server with ordinary certificates, without files and with limits.
 * @throws CodedError ALREADY_EXISTS, PERMISSION_DENIED, INVALID_CONFIG naming the place
 */
export async function listenGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const { place, services, tls, maxMessageBytes, handshakeTimeoutMs, logger = silentLogger, metrics } = options;
  const url = urlOf(place);
  const server = await listen([url], {
    identity: {},
    services,
    logger,
    files: false,
    maxConnections,
    maxConcurrentStreams: bounded(options.maxConcurrentStreams || usualConcurrentStreams),
    maxMessageRemedy: "raise max-msg-size in grpc.conf or send less",
    closeTimeoutMs: graceMs,
    ...placing(place),
    ...(tls ? { clientTls: tls } : {}),
    ...(maxMessageBytes ? { maxMessageBytes: bounded(maxMessageBytes) } : {}),
    ...(handshakeTimeoutMs ? { handshakeTimeoutMs } : {}),
    ...(metrics ? { observer: metrics } : {}),
  }).catch((error: unknown) => {
    throw explain(place, url, error);
  });
  const close = (): Promise<void> => server.close();
  return { url: server.urls[0] ?? url, close, [Symbol.asyncDispose]: close };
}

/** Files say "any number" by numbers up to math.MaxUint32, and beyond. */
const bounded = (limit: number): number => Math.min(limit, 2 ** 31 - 1);

function urlOf(place: GrpcPlace): string {
  if (place.network === "unix") return formatTarget({ transport: "unix", path: place.path });
  const host = place.host.replace(/^\[|\]$/g, "");
  return formatTarget({ transport: "tcp", host: host || everywhere[place.network], port: place.port });
}

/** Every address of the network. */
const everywhere = { tcp: "", tcp4: "0.0.0.0", tcp6: "::" } as const;

function placing(place: GrpcPlace): Pick<ListenOptions, "socketMode" | "takeOver" | "ipv6Only"> {
  if (place.network !== "unix") return { ipv6Only: place.network === "tcp6" };
  return { socketMode: place.mode ?? 0o777, takeOver: place.takeOver ?? false };
}

/** Says it with the settings that can be changed. */
function explain(place: GrpcPlace, url: string, cause: unknown): unknown {
  if (!isCodedError(cause)) return cause;
  const where = `gRPC endpoint ${url}`;
  if (cause.code === "ALREADY_EXISTS")
    return new CodedError(
      "ALREADY_EXISTS",
      place.network === "unix"
        ? `${where} is served by another program; stop it, choose another path, or set force-socket-removal`
        : `${where} is taken by another program; set GRPC_PORT or grpc.conf to a free one`,
      { cause },
    );
  if (cause.code === "PERMISSION_DENIED")
    return new CodedError(
      "PERMISSION_DENIED",
      `${where} may not be opened; choose a port of 1024 or more, or another directory`,
      { cause },
    );
  return new CodedError("INVALID_CONFIG", `${where} cannot be opened: ${cause.message}`, { cause });
}

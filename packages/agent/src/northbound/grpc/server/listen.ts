import { chmod, lstat, mkdir, rm } from "node:fs/promises";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { dirname } from "node:path";
import type { TLSSocket } from "node:tls";
import { type Closable, CodedError, type Logger, silentLogger } from "@nsmkit/core";
import type { Peer, ServiceBinding } from "@nsmkit/sdk/transport";
import { Call } from "./call.ts";
import { methodsOf } from "./methods.ts";
import type { GrpcMetrics } from "./metrics.ts";
import { type Outcome, trailersOf } from "./status.ts";

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
  /** PEM texts; with `clientCas` only clients with a certificate of theirs are served. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCas?: readonly string[] };
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
  /** "tcp://0.0.0.0:9111" with the real port, or "unix:///path". */
  readonly url: string;
}

const maxConnections = 256;
const handshakeTimeout = 10_000;
/** How long running calls may take to end after `close`, ms. */
const graceMs = 1_000;

/**
 * Serves gRPC for tools outside the mesh: TLS with ordinary certificates, limits, unix sockets. (The SDK's transport
 * is made for programs of the mesh: descriptors on sockets, SPIFFE identities on both sides.)
 * @throws CodedError ALREADY_EXISTS, PERMISSION_DENIED, INVALID_CONFIG naming the place
 */
export async function listenGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const server = new Server(options);
  const url = await server.start();
  const close = (): Promise<void> => server.close();
  return { url, close, [Symbol.asyncDispose]: close };
}

class Server {
  readonly #options: GrpcServerOptions;
  readonly #logger: Logger;
  readonly #methods: ReturnType<typeof methodsOf>;
  readonly #http: Http2Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #calls = new Map<Call, Promise<void>>();

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#methods = methodsOf(options.services);
    const common = { settings: { maxConcurrentStreams: options.maxConcurrentStreams || 1000 } };
    const { tls } = options;
    this.#http = tls
      ? (createSecureServer({
          ...common,
          handshakeTimeout: options.handshakeTimeoutMs ?? handshakeTimeout,
          minVersion: "TLSv1.2",
          ALPNProtocols: ["h2"],
          cert: tls.cert,
          key: tls.key,
          ...(tls.clientCas ? { ca: [...tls.clientCas], requestCert: true, rejectUnauthorized: true } : {}),
        }) as unknown as Http2Server)
      : createServer(common);
  }

  async start(): Promise<string> {
    const { place } = this.#options;
    const http = this.#http;
    http.maxConnections = maxConnections;
    // A session that has not begun outlives even its own destruction; its socket does not.
    http.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    http.on("session", (session) => {
      this.#sessions.add(session);
      // Idle connections are usual in gRPC; those that never begin are not.
      const late = setTimeout(() => session.socket.destroy(), this.#options.handshakeTimeoutMs ?? handshakeTimeout);
      session.once("remoteSettings", () => clearTimeout(late));
      session.once("close", () => clearTimeout(late));
      session.on("error", (error) => this.#logger.debug("gRPC connection failed", { error }));
      session.once("close", () => this.#sessions.delete(session));
    });
    http.on("stream", (stream, headers) => this.#serve(stream as ServerHttp2Stream, headers));
    http.on("sessionError", (error) => this.#logger.debug("gRPC connection failed", { error }));
    http.on("tlsClientError", (error: Error, socket: TLSSocket) =>
      this.#logger.warn("gRPC client refused", { peer: socket.remoteAddress, reason: error.message }),
    );
    if (place.network === "unix") await clear(place);
    const url = await bind(http, place);
    if (place.network === "unix") await chmod(place.path, place.mode ?? 0o777);
    return url;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    const closing = new CodedError("UNAVAILABLE", "the agent is closing");
    for (const call of this.#calls.keys()) if (call.method.desc.methodKind !== "unary") call.cancel(closing);
    for (const session of this.#sessions) session.close();
    const late = setTimeout(() => {
      for (const call of this.#calls.keys()) call.cancel(closing);
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await Promise.all([closed, ...this.#calls.values()]);
    clearTimeout(late);
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", (error) => this.#logger.debug("gRPC stream failed", { error }));
    const path = String(headers[":path"] ?? "");
    if (headers[":method"] !== "POST" || !headers["content-type"]?.startsWith("application/grpc")) {
      // PROTOCOL-HTTP2.md: what speaks HTTP/2 but not gRPC gets this.
      stream.respond({ ":status": 415 }, { endStream: true });
      stream.resume();
      return;
    }
    const method = this.#methods.get(path);
    const encoding = headers["grpc-encoding"];
    if (!method) refuse(stream, `this agent has no method ${path.slice(0, 200)}`);
    else if (encoding !== undefined && encoding !== "identity")
      refuse(stream, `the encoding ${String(encoding).slice(0, 40)} is not taken; send requests uncompressed`);
    else {
      const { metrics, maxMessageBytes = 4 * 1024 * 1024 } = this.#options;
      const call = new Call(stream, headers, { method, peer: peerOf(stream), logger: this.#logger, maxMessageBytes });
      const begunMs = performance.now();
      metrics?.started(method);
      const running = call.run().then(({ status }) => {
        this.#calls.delete(call);
        metrics?.handled(method, status, (performance.now() - begunMs) / 1000);
      });
      this.#calls.set(call, running);
    }
  }
}

function refuse(stream: ServerHttp2Stream, message: string): void {
  const outcome: Outcome = { status: "UNIMPLEMENTED", message };
  stream.respond(
    { ":status": 200, "content-type": "application/grpc", "grpc-accept-encoding": "identity", ...trailersOf(outcome) },
    { endStream: true },
  );
  stream.resume();
}

function peerOf(stream: ServerHttp2Stream): Peer {
  const socket = stream.session?.socket;
  const address = socket?.remoteAddress;
  return address === undefined
    ? { transport: "unix", address: "unix" }
    : { transport: "tcp", address: `${address}:${socket?.remotePort ?? 0}` };
}

async function bind(http: Http2Server, place: GrpcPlace): Promise<string> {
  const text = place.network === "unix" ? `unix://${place.path}` : `tcp://${place.host}:${place.port}`;
  await new Promise<void>((resolve, reject) => {
    http.once("error", (cause: NodeJS.ErrnoException) => reject(explain(text, cause)));
    const ready = (): void => {
      http.removeAllListeners("error");
      resolve();
    };
    if (place.network === "unix") http.listen({ path: place.path }, ready);
    else
      http.listen(
        {
          ...hostOf(place.network, place.host),
          port: place.port,
          ipv6Only: place.network === "tcp6",
        },
        ready,
      );
  });
  return place.network === "unix" ? text : `tcp://${place.host || "0.0.0.0"}:${(http.address() as AddressInfo).port}`;
}

/** Without a host: every address of the network. */
function hostOf(network: "tcp" | "tcp4" | "tcp6", host: string): { host?: string } {
  if (host !== "") return { host: host.replace(/^\[|\]$/g, "") };
  return network === "tcp4" ? { host: "0.0.0.0" } : network === "tcp6" ? { host: "::" } : {};
}

function explain(place: string, cause: NodeJS.ErrnoException): CodedError {
  if (cause.code === "EADDRINUSE")
    return new CodedError(
      "ALREADY_EXISTS",
      `gRPC endpoint ${place} is taken by another program; set GRPC_PORT or grpc.conf to a free one`,
      { cause },
    );
  if (cause.code === "EACCES")
    return new CodedError(
      "PERMISSION_DENIED",
      `gRPC endpoint ${place} may not be opened; choose a port of 1024 or more, or another directory`,
      { cause },
    );
  return new CodedError("INVALID_CONFIG", `gRPC endpoint ${place} cannot be opened: ${cause.message}`, { cause });
}

/** Makes room for a socket: its directory, and no socket file of somebody who is gone. */
async function clear({ path, takeOver }: GrpcPlace & { network: "unix" }): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket())
    throw new CodedError(
      "INVALID_CONFIG",
      `gRPC endpoint unix://${path}: there is a file that is no socket; remove it`,
    );
  const served = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (served && !takeOver)
    throw new CodedError(
      "ALREADY_EXISTS",
      `gRPC endpoint unix://${path} is served by another program; stop it, choose another path, or set force-socket-removal`,
    );
  await rm(path, { force: true });
}

import type net from "node:net";
import { CodedError, isCodedError, silentLogger } from "@nsmkit/core";
import type { Listen, ListenOptions, Server } from "../api.ts";
import { openTransport } from "../connection.ts";
import { type ClientTlsContext, clientTlsContext } from "../secure.ts";
import { formatTarget, parseTarget, type Target } from "../target.ts";
import { ServerConnection, usualHandshakeTimeoutMs } from "./connection.ts";
import { openListener } from "./listener.ts";
import { methodTable } from "./service.ts";

/**
 * Serves gRPC on every URL; all of them or none.
 * @throws INVALID_ARGUMENT also for a limit or `clientTls` that makes no sense; ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, each naming the URL
 */
export const listen: Listen = async (urls, options) => {
  checkLimits(options);
  const server = new GrpcServer(options);
  try {
    for (const url of urls) await server.add(parseTarget(url));
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
};

const limits = [
  "maxConnections",
  "maxConcurrentStreams",
  "maxMessageBytes",
  "handshakeTimeoutMs",
  "closeTimeoutMs",
] as const;

/** All of them go over the wire or into a timer as 31 or 32 bits. */
const largestLimit = 2 ** 31 - 1;

function checkLimits(options: ListenOptions): void {
  for (const name of limits) {
    const value = options[name];
    if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= largestLimit)) continue;
    throw new CodedError("INVALID_ARGUMENT", `${name} ${value} must be a whole number from 1 to ${largestLimit}`);
  }
}

class GrpcServer implements Server {
  readonly #options: ListenOptions;
  readonly #methods: ReturnType<typeof methodTable>;
  readonly #clientTls: ClientTlsContext | undefined;
  readonly #files: boolean;
  readonly #listeners: net.Server[] = [];
  readonly #urls: string[] = [];
  readonly #opening = new Set<net.Socket>();
  readonly #connections = new Set<ServerConnection>();

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#methods = methodTable(options.services);
    this.#clientTls = options.clientTls && clientTlsContext(options.clientTls);
    this.#files = (options.files ?? true) && !options.clientTls;
  }

  get urls(): readonly string[] {
    return this.#urls;
  }

  async add(target: Target): Promise<void> {
    const { socketMode = 0o777, takeOver = false, ipv6Only = false, maxConnections } = this.#options;
    const listener = await openListener(target, {
      socketMode,
      takeOver,
      files: this.#files,
      ipv6Only,
      maxConnections,
      onConnection: (socket) => void this.#accept(socket, target),
    });
    this.#listeners.push(listener);
    const address = listener.address();
    const real = target.transport === "tcp" && address !== null && typeof address === "object" ? address.port : 0;
    this.#urls.push(formatTarget(target.transport === "tcp" ? { ...target, port: real } : target));
  }

  async #accept(socket: net.Socket, target: Target): Promise<void> {
    const { identity, logger = silentLogger, handshakeTimeoutMs = usualHandshakeTimeoutMs } = this.#options;
    this.#opening.add(socket);
    try {
      // A client that does not get on with its handshake shall not hold a socket for long.
      const signal = AbortSignal.timeout(handshakeTimeoutMs);
      const { pipe, peer } = await openTransport(socket, "server", {
        target,
        identity,
        ...(this.#clientTls ? { clientTls: this.#clientTls } : {}),
        files: this.#files,
        signal,
        logger,
      });
      const connection = new ServerConnection(pipe, { peer, methods: this.#methods, options: this.#options });
      this.#connections.add(connection);
      connection.start();
      void connection.closed.then(() => this.#connections.delete(connection));
    } catch (error) {
      socket.destroy();
      // Anybody can be refused any number of times: a line each, and a stack only for what is our own fault.
      const why = isCodedError(error) ? { reason: error.message } : { error };
      logger.warn("connection refused", { url: formatTarget(target), ...why });
    } finally {
      this.#opening.delete(socket);
    }
  }

  async close(): Promise<void> {
    const closed = this.#stopListening(() =>
      Promise.all([...this.#connections].map((connection) => connection.close())),
    );
    const { closeTimeoutMs } = this.#options;
    if (closeTimeoutMs === undefined) return closed;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => void this.destroy().then(late.resolve), closeTimeoutMs);
    // A handler that does not look at its signal is left behind.
    await Promise.race([closed, late.promise]);
    clearTimeout(timer);
  }

  async destroy(): Promise<void> {
    await this.#stopListening(() => Promise.all([...this.#connections].map((connection) => connection.destroy())));
  }

  async #stopListening(endConnections: () => Promise<unknown>): Promise<void> {
    const stopped = this.#listeners.map((listener) => new Promise((resolve) => listener.close(resolve)));
    for (const socket of this.#opening) socket.destroy();
    await endConnections();
    await Promise.all(stopped);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

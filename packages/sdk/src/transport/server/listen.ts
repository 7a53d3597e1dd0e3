import type net from "node:net";
import { silentLogger } from "@nsmkit/core";
import type { Listen, ListenOptions, Server } from "../api.ts";
import { openTransport } from "../connection.ts";
import { formatTarget, parseTarget, type Target } from "../target.ts";
import { ServerConnection } from "./connection.ts";
import { openListener } from "./listener.ts";
import { methodTable } from "./service.ts";

/**
 * Serves gRPC on every URL; all of them or none.
 * @throws INVALID_ARGUMENT, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, each naming the URL
 */
export const listen: Listen = async (urls, options) => {
  const server = new GrpcServer(options);
  try {
    for (const url of urls) await server.add(parseTarget(url));
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
};

const handshakeTimeoutMs = 10_000;

class GrpcServer implements Server {
  readonly #options: ListenOptions;
  readonly #methods: ReturnType<typeof methodTable>;
  readonly #listeners: net.Server[] = [];
  readonly #urls: string[] = [];
  readonly #opening = new Set<net.Socket>();
  readonly #connections = new Set<ServerConnection>();

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#methods = methodTable(options.services);
  }

  get urls(): readonly string[] {
    return this.#urls;
  }

  async add(target: Target): Promise<void> {
    const listener = await openListener(target, {
      socketMode: this.#options.socketMode ?? 0o777,
      onConnection: (socket) => void this.#accept(socket, target),
    });
    this.#listeners.push(listener);
    const address = listener.address();
    const real = target.transport === "tcp" && address !== null && typeof address === "object" ? address.port : 0;
    this.#urls.push(formatTarget(target.transport === "tcp" ? { ...target, port: real } : target));
  }

  async #accept(socket: net.Socket, target: Target): Promise<void> {
    const { identity, logger = silentLogger } = this.#options;
    this.#opening.add(socket);
    try {
      // A client that does not get on with its handshake shall not hold a socket for long.
      const signal = AbortSignal.timeout(handshakeTimeoutMs);
      const { pipe, peer } = await openTransport(socket, "server", { target, identity, signal, logger });
      const connection = new ServerConnection(pipe, { peer, methods: this.#methods, logger });
      this.#connections.add(connection);
      connection.start();
      void connection.closed.then(() => this.#connections.delete(connection));
    } catch (error) {
      socket.destroy();
      logger.warn("connection refused", { url: formatTarget(target), error });
    } finally {
      this.#opening.delete(socket);
    }
  }

  async close(): Promise<void> {
    await this.#stopListening(() => Promise.all([...this.#connections].map((connection) => connection.close())));
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

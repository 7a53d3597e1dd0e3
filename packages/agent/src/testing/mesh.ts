import { type Closable, CodedError, Deferred } from "@nsmkit/core";
import type {
  ConnectionListener,
  ConnectionWish,
  EndpointClient,
  EndpointListener,
  EndpointWish,
  Mesh,
  MeshConnection,
} from "../plugins/nsm/mesh.ts";

/** A connection that a test can take down and heal. */
export interface FakeConnection {
  wish: ConnectionWish;
  readonly connection: MeshConnection;
  readonly listener: ConnectionListener;
  addresses: readonly string[];
}

/** An endpoint that a test can connect clients to. */
export interface FakeEndpoint {
  readonly wish: EndpointWish;
  /** Connects a client as a forwarder would. @returns the name of its link. @throws what refuses it */
  connect(client: Partial<EndpointClient> & { connectionId: string }): string;
  disconnect(connectionId: string): void;
}

/** A mesh in memory. The suites in test/netns show the same behaviour with the real one. */
export class FakeMesh implements Mesh {
  /** Open connections by id. */
  readonly connections = new Map<string, FakeConnection>();
  /** Registered endpoints by network service. */
  readonly endpoints = new Map<string, FakeEndpoint>();
  /** What happened, in order: "connect web", "update access", "close access", "serve web", "unserve web". */
  readonly log: string[] = [];
  /** Addresses that endpoints assign to clients that bring none. */
  assigned: readonly string[] = [];
  readonly #missing = new Map<string, Deferred<void>>();
  #failure: CodedError | undefined;

  /** Requests for this service wait, as they do while nobody offers it. @returns lets them through */
  withhold(networkService: string): () => void {
    const gate = new Deferred<void>();
    this.#missing.set(networkService, gate);
    return () => {
      this.#missing.delete(networkService);
      gate.resolve();
    };
  }

  /** Everything fails with this error until it is called with undefined. */
  fail(error: CodedError | undefined): void {
    this.#failure = error;
  }

  down(id: string, reason = "the endpoint is gone"): void {
    this.connections.get(id)?.listener.down(reason);
  }

  heal(id: string, addresses?: readonly string[]): void {
    const found = this.connections.get(id);
    if (!found) return;
    if (addresses) found.addresses = addresses;
    found.listener.up(found.connection);
  }

  async connect(
    wish: ConnectionWish,
    listener: ConnectionListener,
    { signal }: { signal: AbortSignal },
  ): Promise<MeshConnection> {
    this.log.push(`connect ${wish.networkService}`);
    await this.#ready(wish.networkService, signal);
    let closed = false;
    const connection: MeshConnection = {
      id: wish.id,
      get interfaceName() {
        return entry.wish.interfaceName;
      },
      get addresses() {
        return entry.addresses;
      },
      get closed() {
        return closed;
      },
      update: async (changed) => {
        this.log.push(`update ${wish.id}`);
        if (this.#failure) throw this.#failure;
        entry.wish = changed;
      },
      close: async () => {
        this.log.push(`close ${wish.id}`);
        closed = true;
        this.connections.delete(wish.id);
      },
      [Symbol.asyncDispose]: () => connection.close(),
    };
    const entry: FakeConnection = {
      wish,
      connection,
      listener,
      addresses: wish.addresses.length > 0 ? wish.addresses : this.assigned,
    };
    this.connections.set(wish.id, entry);
    return connection;
  }

  async serve(wish: EndpointWish, listener: EndpointListener, { signal }: { signal: AbortSignal }): Promise<Closable> {
    this.log.push(`serve ${wish.networkService}`);
    await this.#ready(wish.networkService, signal);
    const clients = new Set<string>();
    this.endpoints.set(wish.networkService, {
      wish,
      connect: (partial) => {
        const client: EndpointClient = { labels: {}, interfaceName: "", ...partial };
        if (wish.singleClient && clients.size > 0 && !clients.has(client.connectionId))
          throw new CodedError("RESOURCE_EXHAUSTED", "this endpoint serves one client at a time and has one");
        const name = listener.accept(client);
        if (!clients.has(client.connectionId)) listener.connected(client);
        clients.add(client.connectionId);
        return name;
      },
      disconnect: (connectionId) => {
        if (clients.delete(connectionId)) listener.gone(connectionId);
      },
    });
    const close = async (): Promise<void> => {
      this.log.push(`unserve ${wish.networkService}`);
      this.endpoints.delete(wish.networkService);
      for (const connectionId of clients) listener.gone(connectionId);
    };
    return { close, [Symbol.asyncDispose]: close };
  }

  async close(): Promise<void> {
    for (const { connection } of [...this.connections.values()]) await connection.close();
    this.endpoints.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ready(networkService: string, signal: AbortSignal): Promise<void> {
    const gate = this.#missing.get(networkService);
    if (gate) {
      const { promise, reject } = Promise.withResolvers<never>();
      const stop = (): void => reject(new CodedError("ABORTED", "connecting was cancelled"));
      signal.addEventListener("abort", stop, { once: true });
      await Promise.race([gate.promise, promise]).finally(() => signal.removeEventListener("abort", stop));
    }
    if (this.#failure) throw this.#failure;
  }
}

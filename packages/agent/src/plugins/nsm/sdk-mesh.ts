import { create } from "@bufbuild/protobuf";
import {
  type Connection,
  ConnectionContextSchema,
  EthernetContextSchema,
  IPContextSchema,
} from "@nsmkit/api/networkservice";
import { NetworkServiceQuerySchema } from "@nsmkit/api/registry";
import { type Clock, type Closable, closeAll, type Logger, systemClock } from "@nsmkit/core";
import type { Handle } from "@nsmkit/netlink";
import {
  type Client,
  type ClientConnection,
  client,
  type EndpointHost,
  endpointHost,
  type Identity,
} from "@nsmkit/sdk";
import { Context } from "@nsmkit/sdk/chain";
import type { NetworkServiceElement } from "@nsmkit/sdk/networkservice";
import { createRegistryClient, type RegistryClient } from "@nsmkit/sdk/registry";
import { livenessCheck, livenessIntervalMs, livenessTimeoutMs } from "./liveness.ts";
import type {
  ConnectionListener,
  ConnectionWish,
  EndpointClient,
  EndpointListener,
  EndpointWish,
  Mesh,
  MeshConnection,
} from "./mesh.ts";

export interface SdkMeshOptions {
  /** The nsmgr of this node: `unix:///path` or `tcp://host:port`. */
  readonly connectTo: string;
  /** Of this agent, in the paths of its connections. */
  readonly name: string;
  readonly identity: Identity;
  /** Sent with every connection. */
  readonly labels?: Readonly<Record<string, string>>;
  /** URL of the socket on which endpoints are served; default one of its own. */
  readonly listenOn?: string;
  readonly requestTimeoutMs?: number;
  /** The agent's own namespace, to see whether connections still work when the mesh does not answer. */
  readonly handle?: Pick<Handle, "linkGet" | "ping">;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** How long one attempt to connect goes on before its error is shown, ms; the scheduler tries again. */
const attemptMs = 10_000;

/** The mesh over the SDK. Nothing is opened before it is needed: the nsmgr may come later than the agent. */
export function sdkMesh(options: SdkMeshOptions): Mesh {
  const { connectTo, name, identity, clock = systemClock } = options;
  const common = { connectTo, name, identity, clock, ...(options.logger && { logger: options.logger }) };
  const timeouts = options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs };
  const wishes = new Map<string, ConnectionWish>();
  let ownClient: Client | undefined;
  let host: Promise<EndpointHost> | undefined;
  let registry: RegistryClient | undefined;

  const clientOnce = (): Client =>
    (ownClient ??= client({
      ...common,
      ...timeouts,
      ...(options.labels && { labels: options.labels }),
      ...(options.handle && {
        livenessCheck: livenessCheck(options.handle, options.logger),
        livenessIntervalMs,
        livenessTimeoutMs,
      }),
      elements: [declaredContext(wishes)],
    }));
  const hostOnce = (): Promise<EndpointHost> => {
    host ??= endpointHost({ ...common, ...timeouts, ...(options.listenOn && { listenOn: options.listenOn }) }).catch(
      (error: unknown) => {
        host = undefined;
        throw error;
      },
    );
    return host;
  };

  const close = async (): Promise<void> => {
    const opened = await host?.catch(() => undefined);
    const parts: (Closable | undefined)[] = [registry, opened, ownClient];
    await closeAll(parts.filter((part) => part !== undefined));
  };

  return {
    async connect(wish, listener, { signal }) {
      wishes.set(wish.id, wish);
      try {
        const { networkService, labels } = wish;
        const asked = { mechanism: "KERNEL", networkService, interfaceName: wish.interfaceName, labels };
        const opened = await clientOnce().connect(asked, { id: wish.id, timeoutMs: attemptMs, signal });
        return follow(opened, wishes, listener);
      } catch (error) {
        wishes.delete(wish.id);
        throw error;
      }
    },

    async serve(wish, listener, { signal }) {
      const endpoints = await hostOnce();
      registry ??= createRegistryClient({
        connectTo,
        identity,
        clock,
        ...timeouts,
        ...(options.logger && { logger: options.logger }),
      });
      // Somebody who made the service, with matches, must not lose it to our bare entry.
      const known = await isRegistered(registry, wish.networkService, clock, signal);
      return endpoints.add(
        {
          name: wish.name,
          services: [{ name: wish.networkService, labels: wish.labels, register: known ? false : {} }],
          singleClient: wish.singleClient,
          onConnect: (connection) => listener.connected(endpointClient(connection)),
          onDisconnect: (connection) => listener.gone(connection.id),
          elements: [acceptance(wish, listener)],
        },
        { signal },
      );
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function follow(
  opened: ClientConnection,
  wishes: Map<string, ConnectionWish>,
  listener: ConnectionListener,
): MeshConnection {
  const connection: MeshConnection = {
    id: opened.id,
    get interfaceName() {
      return opened.interfaceName ?? wishes.get(opened.id)?.interfaceName ?? "";
    },
    get addresses() {
      return opened.addresses;
    },
    get closed() {
      return opened.state === "closed";
    },
    async update(wish, { signal }) {
      wishes.set(wish.id, wish);
      await opened.refresh({ labels: wish.labels, signal });
    },
    async close() {
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      await opened.close();
      wishes.delete(opened.id);
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
  const subscriptions = [
    opened.on("down", ({ reason }) => listener.down(reason)),
    opened.on("healed", () => listener.up(connection)),
    opened.on("changed", () => {
      if (opened.state === "up") listener.up(connection);
    }),
  ];
  return connection;
}

/** Puts declared addresses and MAC into every request, also into those that refresh and heal make. */
function declaredContext(wishes: ReadonlyMap<string, ConnectionWish>): NetworkServiceElement {
  return {
    name: "declared-context",
    role: "client",
    request(ctx, request, next) {
      const { connection } = request;
      const wish = connection && wishes.get(connection.id);
      if (connection && wish) {
        connection.context ??= create(ConnectionContextSchema);
        const { context } = connection;
        if (wish.addresses.length > 0) {
          context.ipContext ??= create(IPContextSchema);
          context.ipContext.srcIpAddrs = [...wish.addresses];
        }
        if (wish.mac !== "") {
          context.ethernetContext ??= create(EthernetContextSchema);
          context.ethernetContext.srcMac = wish.mac;
        }
      }
      return next.request(ctx, request);
    },
  };
}

/** Names the link of a client and gives our end its declared addresses. */
function acceptance(wish: EndpointWish, listener: EndpointListener): NetworkServiceElement {
  return {
    name: "declared-endpoint",
    role: "server",
    request(ctx, request, next) {
      const { connection } = request;
      if (connection?.mechanism) {
        connection.mechanism.parameters.name = listener.accept(endpointClient(connection));
        if (wish.addresses.length > 0 || wish.mac !== "") connection.context ??= create(ConnectionContextSchema);
        const { context } = connection;
        if (context && wish.addresses.length > 0) {
          context.ipContext ??= create(IPContextSchema);
          context.ipContext.dstIpAddrs = [...wish.addresses];
        }
        if (context && wish.mac !== "") {
          context.ethernetContext ??= create(EthernetContextSchema);
          context.ethernetContext.dstMac = wish.mac;
        }
      }
      return next.request(ctx, request);
    },
    async close(ctx, connection, next) {
      try {
        await next.close(ctx, connection);
      } finally {
        // Also for a client that was refused after it had been named.
        listener.gone(connection.id);
      }
    },
  };
}

function endpointClient(connection: Connection): EndpointClient {
  return {
    connectionId: connection.id,
    labels: connection.labels,
    interfaceName: connection.mechanism?.parameters.name ?? "",
  };
}

async function isRegistered(
  registry: RegistryClient,
  name: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const ctx = new Context({ signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]), clock });
  for await (const { networkService } of registry.services.find(
    ctx,
    create(NetworkServiceQuerySchema, { networkService: { name } }),
  ))
    if (networkService?.name === name) return true;
  return false;
}

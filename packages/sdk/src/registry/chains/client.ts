import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type NetworkService,
  type NetworkServiceEndpoint,
  NetworkServiceEndpointSchema,
  NetworkServiceSchema,
} from "@nsmkit/api/registry";
import { type Clock, type Closable, closeAll, type Logger, messageOf, silentLogger, systemClock } from "@nsmkit/core";
import { bounded, Context, chain } from "../../chain/index.ts";
import { type Channel, dial, type Identity } from "../../transport/index.ts";
import { beginEndpoints } from "../common/begin/element.ts";
import { connectEndpoints, connectServices, dialClient } from "../common/connect/client.ts";
import { recvFdClient } from "../common/recvfd/client.ts";
import { refreshClient, servicesKey } from "../common/refresh/client.ts";
import { sendFdClient } from "../common/sendfd/client.ts";
import { type NseKind, type NsKind, nseRules, nsRules, type Registry } from "../core/kinds.ts";

export interface RegistryClientOptions {
  /** `unix:///path` or `tcp://host:port` of an nsmgr or a registry. */
  readonly connectTo: string;
  readonly identity: Identity;
  /** Bound of one connection attempt, ms; default 750. */
  readonly dialTimeoutMs?: number;
  /** Bound of one registration, ms; default 15,000. */
  readonly requestTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** A program that ends does not wait longer than this for a registry, ms. */
const unregisterTimeoutMs = 3_000;

/** An endpoint that stays registered until closed. Closing unregisters it. */
export interface EndpointRegistration extends Closable {
  readonly name: string;
  /** As the registry answered at the first registration. */
  readonly entry: NetworkServiceEndpoint;
}

export interface RegistryClient extends Registry, Closable {
  readonly channel: Channel;
  /**
   * Registers an endpoint and keeps it registered: refreshed in time, again after the registry or nsmgr restarted.
   * @param options.services registered first, replacing what is there under their names
   * @throws what the registry answers; UNAVAILABLE, DEADLINE_EXCEEDED
   */
  register(
    endpoint: MessageInitShape<typeof NetworkServiceEndpointSchema>,
    options?: {
      readonly services?: readonly MessageInitShape<typeof NetworkServiceSchema>[];
      readonly signal?: AbortSignal;
    },
  ): Promise<EndpointRegistration>;
}

/** The bottom half: calls go to the server, nothing is kept. For programs that stand between two registries. */
export function connectRegistry(
  options: Pick<RegistryClientOptions, "identity" | "dialTimeoutMs"> & { readonly channel: Channel },
): Registry {
  const { channel, identity, dialTimeoutMs = 750 } = options;
  return {
    services: chain<NsKind>([dialClient(channel, dialTimeoutMs)], connectServices(identity)),
    endpoints: chain<NseKind>([dialClient(channel, dialTimeoutMs)], connectEndpoints(identity)),
  };
}

/** A client of an nsmgr's or a registry's registry. */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { identity, clock = systemClock, logger = silentLogger } = options;
  const { dialTimeoutMs = 750, requestTimeoutMs = 15_000 } = options;
  const channel = dial(options.connectTo, { identity, logger, dialTimeoutMs });
  const services = chain<NsKind>([dialClient(channel, dialTimeoutMs)], connectServices(identity));

  const contextFor = (signal: AbortSignal, deadlineMs?: number): Context =>
    new Context({ signal, clock, logger, ...(deadlineMs !== undefined && { deadlineMs }) });

  const restore = async (lost: readonly NetworkService[], { signal }: { signal: AbortSignal }): Promise<void> => {
    for (const service of lost) {
      using time = bounded(clock, requestTimeoutMs, `registering network service "${service.name}"`, [signal]);
      const ctx = contextFor(time.signal, time.deadlineMs);
      const pattern = create(NetworkServiceSchema, { name: service.name });
      // Whoever changed the service by hand meanwhile shall not lose that.
      if (!(await isFound(services.find(ctx, nsRules.query(pattern, false)))))
        await services.request(ctx, nsRules.copy(service));
    }
  };
  const endpoints = chain<NseKind>(
    [
      beginEndpoints({ clock, logger, eventTimeoutMs: requestTimeoutMs }),
      refreshClient({ clock, logger, restore }),
      dialClient(channel, dialTimeoutMs),
      sendFdClient(),
      recvFdClient({ clock }),
    ],
    connectEndpoints(identity),
  );
  const registrations = new Set<EndpointRegistration>();

  const register: RegistryClient["register"] = async (init, { services: offered = [], signal } = {}) => {
    const entry = create(NetworkServiceEndpointSchema, init);
    const asked = offered.map((service) => create(NetworkServiceSchema, service));
    using time = bounded(clock, requestTimeoutMs, `registering endpoint "${entry.name}"`, [signal]);
    const ctx = contextFor(time.signal, time.deadlineMs);
    for (const service of asked) await services.request(ctx, nsRules.copy(service));
    const reply = await endpoints.request(ctx.with(servicesKey, asked), nseRules.copy(entry));
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => {
      registrations.delete(registration);
      closed ??= unregister(entry);
      return closed;
    };
    const registration: EndpointRegistration = {
      name: reply.name,
      entry: nseRules.copy(reply),
      close,
      [Symbol.asyncDispose]: close,
    };
    registrations.add(registration);
    return registration;
  };

  const unregister = async (entry: NetworkServiceEndpoint): Promise<void> => {
    using time = bounded(
      clock,
      Math.min(requestTimeoutMs, unregisterTimeoutMs),
      `unregistering endpoint "${entry.name}"`,
    );
    await endpoints.close(contextFor(time.signal, time.deadlineMs), nseRules.copy(entry));
  };

  const closeQuietly = async (registration: EndpointRegistration): Promise<void> => {
    try {
      await registration.close();
    } catch (error) {
      // It expires by itself; the registry may well have ended before us.
      logger.warn("could not unregister", { endpoint: registration.name, reason: messageOf(error) });
    }
  };
  const close = async (): Promise<void> => {
    await closeAll([
      channel,
      { close: services.stop },
      { close: endpoints.stop },
      { close: async () => void (await Promise.all([...registrations].map(closeQuietly))) },
    ]);
  };
  return { channel, services, endpoints, register, close, [Symbol.asyncDispose]: close };
}

async function isFound(results: AsyncIterable<unknown>): Promise<boolean> {
  for await (const _ of results) return true;
  return false;
}

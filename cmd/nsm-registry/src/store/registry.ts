import { create, equals } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type NetworkService,
  type NetworkServiceEndpoint,
  NetworkServiceEndpointSchema,
  NetworkServiceSchema,
} from "@nsmkit/api/registry";
import { type Clock, type Closable, closeAll, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { Client } from "@nsmkit/kube";
import { type Context, chain, type Handler } from "@nsmkit/sdk/chain";
import {
  EntryStore,
  interdomainServer,
  type MemoryRegistryOptions,
  matchesEndpointQuery,
  matchesServiceQuery,
  type NseKind,
  type NsKind,
  nseRules,
  nsRules,
  Ownership,
  type Registry,
  type RegistryKind,
  serialize,
  setPayloadServer,
  tokensEndKey,
  updatePathServer,
} from "@nsmkit/sdk/registry";
import { EntryCache } from "./cache.ts";
import { Collector } from "./collector.ts";
import { lasts, renewed } from "./lease.ts";
import { type StoredKind, storedEndpoints, storedServices } from "./objects.ts";
import { checkEndpointOwner, checkServiceOwner } from "./owner.ts";
import { EntryWriter } from "./writer.ts";

export interface KubernetesRegistryOptions extends MemoryRegistryOptions {
  readonly client: Client;
  /** Where this registry writes; it reads all. */
  readonly namespace: string;
  readonly random?: () => number;
}

export interface KubernetesRegistry extends Registry, Closable {
  /** Entries there are, and objects that hold none. */
  readonly counts: { readonly services: number; readonly endpoints: number; readonly unreadable: number };
  /** Renewals that needed no write. */
  readonly sparedWrites: number;
  /** Whether the API server tells of changes now. */
  readonly isFresh: boolean;
  /** Resolves when everything there is has been read; serve from then on. */
  synced(options: { signal: AbortSignal }): Promise<void>;
}

/**
 * A registry that keeps its entries in networkservicemesh.io/v1 objects, as networkservicemesh/sdk-k8s does: any number
 * of replicas, of either make, may share them. What is found comes from a cache; an entry is kept by its object alone.
 */
export function kubernetesRegistry(options: KubernetesRegistryOptions): KubernetesRegistry {
  const { identity, proxy, policies, namespace, defaultExpirationMs = 60_000 } = options;
  const { clock = systemClock, logger = silentLogger } = options;
  const secure = identity.mode === "spiffe";
  const services = stored({ ...options, clock, logger }, storedServices, {
    keys: () => [],
    fits: matchesServiceQuery,
  });
  const endpoints = stored({ ...options, clock, logger }, storedEndpoints, {
    keys: (entry: NetworkServiceEndpoint) => entry.networkServiceNames,
    fits: matchesEndpointQuery,
  });
  const collector = new Collector({
    ...endpoints,
    namespace,
    clock,
    logger,
    ...(options.random && { random: options.random }),
  });
  let spared = 0;

  const endMsOf = (ctx: Context, entry: NetworkServiceEndpoint): number => {
    const asked = entry.expirationTime ? timestampMs(entry.expirationTime) : Number.POSITIVE_INFINITY;
    return Math.min(asked, ctx.get(tokensEndKey) ?? Number.POSITIVE_INFINITY, clock.now() + defaultExpirationMs);
  };
  const endpointEnd: Handler<NseKind> = {
    request: (ctx, entry) =>
      endpoints.writer.put(
        entry.name,
        (there) => {
          const nowMs = clock.now();
          if (secure && there && lasts(there, nowMs)) checkEndpointOwner(ctx, there);
          const { isFresh } = endpoints.cache.freshness;
          const wanted = renewed(there, entry, { nowMs, endMs: endMsOf(ctx, entry), isFresh });
          if (wanted === undefined) spared++;
          return wanted;
        },
        { signal: ctx.signal },
      ),
    close: (ctx, entry) =>
      endpoints.writer.remove(
        entry.name,
        (there) => {
          if (secure && lasts(there, clock.now())) checkEndpointOwner(ctx, there);
        },
        { signal: ctx.signal },
      ),
    find: found(nseRules, endpoints.cache.entries),
  };
  const mayChange = (ctx: Context, there: NetworkService): void => {
    const pattern = create(NetworkServiceEndpointSchema, { networkServiceNames: [there.name] });
    if (secure) checkServiceOwner(ctx, there, endpoints.cache.entries, pattern);
  };
  const serviceEnd: Handler<NsKind> = {
    request: (ctx, entry) =>
      services.writer.put(
        entry.name,
        (there) => {
          if (!there) return entry;
          if (equals(NetworkServiceSchema, there, { ...entry, pathIds: there.pathIds })) return undefined;
          mayChange(ctx, there);
          return entry;
        },
        { signal: ctx.signal },
      ),
    close: (ctx, entry) => services.writer.remove(entry.name, (there) => mayChange(ctx, there), { signal: ctx.signal }),
    find: found(nsRules, services.cache.entries),
  };

  const serviceChain = chain<NsKind>(
    [
      updatePathServer(identity),
      // Policies alone: whose a name is, the objects say.
      ...(secure ? [new Ownership(nsRules, policies).check()] : []),
      serialize(nsRules),
      setPayloadServer(),
      interdomainServer(nsRules, proxy?.services),
    ],
    serviceEnd,
  );
  const endpointChain = chain<NseKind>(
    [
      updatePathServer(identity),
      ...(secure ? [new Ownership(nseRules, policies).check()] : []),
      serialize(nseRules),
      interdomainServer(nseRules, proxy?.endpoints),
    ],
    endpointEnd,
  );
  services.cache.start();
  endpoints.cache.start((object, gone) => collector.note(object, gone));
  const close = (): Promise<void> =>
    closeAll([
      services.cache,
      endpoints.cache,
      collector,
      ...[serviceChain, endpointChain].map(({ stop }) => ({ close: stop })),
    ]);
  return {
    services: serviceChain,
    endpoints: endpointChain,
    get counts() {
      const unreadable = services.cache.unreadable + endpoints.cache.unreadable;
      return { services: services.cache.entries.size, endpoints: endpoints.cache.entries.size, unreadable };
    },
    get sparedWrites() {
      return spared;
    },
    get isFresh() {
      return services.cache.freshness.isFresh && endpoints.cache.freshness.isFresh;
    },
    async synced(wait) {
      await Promise.all([services.cache.synced(wait), endpoints.cache.synced(wait)]);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function stored<K extends RegistryKind>(
  options: KubernetesRegistryOptions & { readonly clock: Clock; readonly logger: Logger },
  kind: StoredKind<K>,
  rules: ConstructorParameters<typeof EntryStore<K["request"]>>[0],
): { readonly cache: EntryCache<K>; readonly writer: EntryWriter<K> } {
  const cache = new EntryCache<K>({ ...options, kind, store: new EntryStore<K["request"]>(rules) });
  return { cache, writer: new EntryWriter<K>({ ...options, kind, cache }) };
}

/** What is found is shared with the cache: whoever changes it copies it first. */
function found<K extends RegistryKind>(
  rules: StoredKind<K>["rules"],
  entries: EntryStore<K["request"]>,
): Handler<K>["find"] {
  return async function* (ctx, query) {
    const pattern = rules.pattern(query);
    if (!query.watch) {
      for (const entry of entries.find(pattern)) yield rules.found(entry, false);
      return;
    }
    for await (const { entry, deleted } of entries.watch(pattern, { signal: ctx.signal }))
      yield rules.found(entry, deleted);
  };
}

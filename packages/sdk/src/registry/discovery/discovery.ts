import { create, equals, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type NetworkService,
  type NetworkServiceEndpoint,
  NetworkServiceEndpointSchema,
  NetworkServiceSchema,
} from "@nsmkit/api/registry";
import {
  abortable,
  type Clock,
  type Closable,
  Deferred,
  type Logger,
  silentLogger,
  systemClock,
  throwIfAborted,
} from "@nsmkit/core";
import { bounded, Context, type Handler } from "../../chain/index.ts";
import type { Discovery } from "../../networkservice/common/discover/port.ts";
import {
  type EntryRules,
  type NseKind,
  type NsKind,
  nseRules,
  nsRules,
  type Registry,
  type RegistryKind,
} from "../core/kinds.ts";
import { aliveEndpoints, endsMs } from "./alive.ts";
import type { EntryWatch } from "./entry-watch.ts";
import { Watches } from "./watches.ts";

export interface DiscoveryOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /**
   * How long to wait for a service, or for the first endpoint of a service, that is not there yet, ms; default 0.
   * The signal of the call may end it earlier. Endpoints asked for by name are never waited for.
   */
  readonly waitMs?: number;
  /** A service that nobody has asked for in this time is no longer watched, ms; default 600,000. */
  readonly idleMs?: number;
  /** Narrows what is watched for a service, e.g. to the endpoints of this node. */
  readonly narrow?: (service: string) => MessageInitShape<typeof NetworkServiceEndpointSchema>;
}

/** Bound of a question that the copy cannot answer, ms. */
const findTimeoutMs = 5_000;

/**
 * Answers from copies of the registry, one watch per service in use. While a watch is down its last copy counts; what
 * is not in it is asked for directly.
 */
export function createDiscovery(registry: Registry, options: DiscoveryOptions = {}): Discovery & Closable {
  const { clock = systemClock, waitMs = 0, idleMs = 600_000, narrow = () => ({}) } = options;
  const logger = (options.logger ?? silentLogger).child({ component: "discovery" });
  const times = { clock, logger, idleMs };
  const servicePattern = (name: string): NetworkService => create(NetworkServiceSchema, { name });
  const offerPattern = (service: string): NetworkServiceEndpoint =>
    create(NetworkServiceEndpointSchema, { ...narrow(service), networkServiceNames: [service] });
  const services = new Watches<NsKind>({
    ...times,
    rules: nsRules,
    registry: registry.services,
    pattern: servicePattern,
  });
  const offers = new Watches<NseKind>({
    ...times,
    rules: nseRules,
    registry: registry.endpoints,
    pattern: offerPattern,
  });

  const isAlive = (entry: NetworkServiceEndpoint): boolean => endsMs(entry) > clock.now();

  /** One question to the registry itself. */
  const find = async <K extends RegistryKind>(
    rules: EntryRules<K>,
    handler: Handler<K>,
    pattern: K["request"],
    signal: AbortSignal,
  ): Promise<K["request"][]> => {
    using time = bounded(clock, findTimeoutMs, `finding ${rules.noun}s`, [signal]);
    const ctx = new Context({ signal: time.signal, clock, logger });
    const entries: K["request"][] = [];
    for await (const found of handler.find(ctx, rules.query(pattern, false))) {
      const entry = rules.entry(found);
      if (entry && !found.deleted) entries.push(entry);
    }
    return entries;
  };

  /** What `read` makes of the copy; what `ask` answers if there is no copy; what turns up in time if there is nothing. */
  const answer = async <K extends RegistryKind, T>(
    watch: EntryWatch<K>,
    read: () => T | undefined,
    ask: () => Promise<T | undefined>,
    signal: AbortSignal,
  ): Promise<T | undefined> => {
    if (!watch.complete) {
      const known = read();
      if (known !== undefined) return known;
      await abortable(watch.settled(), signal, "waiting for the registry");
      if (!watch.complete) return ask();
    }
    const known = read();
    if (known !== undefined || waitMs === 0) return known;
    const turnedUp = new Deferred<void>();
    using _listening = watch.listen(() => read() !== undefined && turnedUp.resolve());
    using time = bounded(clock, waitMs, "waiting for the registry", [signal]);
    time.signal.addEventListener("abort", () => turnedUp.resolve(), { once: true });
    if (!time.signal.aborted) await turnedUp.promise;
    throwIfAborted(signal, "waiting for the registry");
    return read();
  };

  const close = async (): Promise<void> => {
    await Promise.all([services.close(), offers.close()]);
  };

  return {
    async networkService(name, { signal }) {
      const watch = services.of(name);
      const ask = async () =>
        (await find(nsRules, registry.services, servicePattern(name), signal)).find((entry) => entry.name === name);
      return answer(watch, () => watch.get(name), ask, signal);
    },

    async endpoints(service, { signal }) {
      const watch = offers.of(service);
      const read = (): readonly NetworkServiceEndpoint[] | undefined => {
        const alive = aliveEndpoints(watch, clock);
        return alive.length > 0 ? alive : undefined;
      };
      const ask = async () => (await find(nseRules, registry.endpoints, offerPattern(service), signal)).filter(isAlive);
      return (await answer<NseKind, readonly NetworkServiceEndpoint[]>(watch, read, ask, signal)) ?? [];
    },

    async endpoint(name, { signal }) {
      const known = offers.named(name, isAlive);
      if (known) return known;
      const pattern = create(NetworkServiceEndpointSchema, { name });
      const entries = await find(nseRules, registry.endpoints, pattern, signal);
      const entry = entries.find((candidate) => candidate.name === name && isAlive(candidate));
      // Refreshes will ask for it again: from now on the copy knows it.
      for (const service of entry?.networkServiceNames ?? []) offers.of(service);
      return entry;
    },

    watchNetworkService(name, changed) {
      const watch = services.of(name);
      let before = watch.get(name);
      return watch.listen(() => {
        const now = watch.get(name);
        if (now === before || (now && before && equals(NetworkServiceSchema, now, before))) return;
        before = now;
        changed(now);
      });
    },

    close,
    [Symbol.asyncDispose]: close,
  };
}

import { create } from "@bufbuild/protobuf";
import { type NetworkService, type NetworkServiceEndpoint, NetworkServiceEndpointSchema } from "@nsmkit/api/registry";
import { backoffDelay, type Clock, type Logger, messageOf, silentLogger, systemClock, type Timer } from "@nsmkit/core";
import { type Begun, begun, Context, key } from "../../../chain/index.ts";
import { timestampMs } from "../../../networkservice/core/connection.ts";
import { type NseElement, type NseHandler, type NseKind, nseRules } from "../../core/kinds.ts";

export interface RefreshOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Brings back the network services of a registration when the registry may have lost them. */
  readonly restore?: (services: readonly NetworkService[], options: { readonly signal: AbortSignal }) => Promise<void>;
}

/** Network services that stand and fall with the endpoint; given in the context of its first registration. */
export const servicesKey = key<readonly NetworkService[]>("services of the endpoint");

/** Refreshes happen between these parts of the time that is left, so that many endpoints do not come at once. */
const earliest = 0.6;
const latest = 2 / 3;
/** A registry that restarts is back within a second; nobody waits longer than that for the next try. */
const shortWatchMs = 1_000;
/** A registry whose clock is behind ours seems to grant no time at all; it must not be asked without pause either. */
const shortestRefreshMs = 250;
const backoff = { initialMs: 50, maxMs: 1_000, jitter: 0.5 };

/**
 * Keeps an endpoint registered: refreshes it before it expires, watches its own entry, and registers anew as soon as
 * that watch breaks or tells that the entry is gone. Failures are retried until the registration is closed.
 */
export function refreshClient(options: RefreshOptions = {}): NseElement {
  const stopping = new AbortController();
  const keeperKey = key<Keeper>("refresh", (keeper) => keeper.stop());
  return {
    name: "refresh",
    role: "client",
    requires: ["begin"],
    async request(ctx, entry, next) {
      const registration = begun<NseKind>(ctx);
      const reply = await next.request(ctx, entry);
      let keeper = registration.store.get(keeperKey);
      if (!keeper) {
        keeper = new Keeper(registration, next, ctx.get(servicesKey) ?? [], options, stopping.signal);
        registration.store.set(keeperKey, keeper);
      }
      keeper.registered(reply);
      return reply;
    },
    async close(ctx, entry, next) {
      begun(ctx).store.take(keeperKey)?.stop();
      return next.close(ctx, entry);
    },
    async stop() {
      stopping.abort();
    },
  };
}

class Keeper {
  readonly #registration: Begun<NseKind>;
  readonly #below: NseHandler;
  readonly #services: readonly NetworkService[];
  readonly #restore: RefreshOptions["restore"];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  readonly #signal: AbortSignal;
  #timer: Timer | undefined;
  #watching = false;
  #shortWatches = 0;
  /** The registry may have forgotten the endpoint and its services. */
  #lost = false;
  #renewing = false;

  constructor(
    registration: Begun<NseKind>,
    below: NseHandler,
    services: readonly NetworkService[],
    options: RefreshOptions,
    stopping: AbortSignal,
  ) {
    this.#registration = registration;
    this.#below = below;
    this.#services = services;
    this.#restore = options.restore;
    this.#clock = options.clock ?? systemClock;
    this.#logger = (options.logger ?? silentLogger).child({ endpoint: registration.id });
    this.#signal = AbortSignal.any([this.#stopped.signal, stopping]);
    stopping.addEventListener("abort", () => this.stop(), { once: true, signal: this.#stopped.signal });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#stopped.abort();
  }

  registered(entry: NetworkServiceEndpoint): void {
    this.#timer?.cancel();
    if (this.#signal.aborted) return;
    if (entry.expirationTime) {
      const leftMs = timestampMs(entry.expirationTime) - this.#clock.now();
      const part = earliest + (latest - earliest) * Math.random();
      this.#timer = this.#clock.after(Math.max(shortestRefreshMs, leftMs * part), () => void this.#renew());
    }
    if (!this.#watching) void this.#watch(entry.name);
  }

  async #watch(name: string): Promise<void> {
    this.#watching = true;
    const startMs = this.#clock.monotonic();
    const ctx = new Context({ signal: this.#signal, clock: this.#clock, logger: this.#logger });
    const pattern = create(NetworkServiceEndpointSchema, { name });
    try {
      for await (const { deleted } of this.#below.find(ctx, nseRules.query(pattern, true)))
        if (deleted) this.#lose("the registry has dropped the endpoint");
    } catch (error) {
      this.#logger.debug("the watch on the own entry broke", { reason: messageOf(error) });
    }
    this.#watching = false;
    // A registry that takes registrations but no watches must not be asked without pause.
    this.#shortWatches = this.#clock.monotonic() - startMs < shortWatchMs ? this.#shortWatches + 1 : 0;
    if (this.#shortWatches > 0) await this.#pause(this.#shortWatches);
    this.#lose("the registry is gone");
  }

  #lose(why: string): void {
    if (this.#signal.aborted) return;
    this.#logger.info("registering again", { why });
    this.#lost = true;
    void this.#renew();
  }

  /** Registers until it succeeds, and once more for what was lost meanwhile. */
  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    for (let attempt = 1; !this.#signal.aborted; attempt++) {
      const lost = this.#lost;
      this.#lost = false;
      try {
        if (lost) await this.#restore?.(this.#services, { signal: this.#signal });
        await this.#registration.request({ signal: this.#signal });
        if (!this.#lost) break;
      } catch (error) {
        this.#lost ||= lost;
        if (attempt === 1 && !this.#signal.aborted)
          this.#logger.warn("could not register again, trying on", { reason: messageOf(error) });
        await this.#pause(attempt);
      }
    }
    this.#renewing = false;
  }

  async #pause(attempt: number): Promise<void> {
    await this.#clock.sleep(backoffDelay(attempt, backoff), { signal: this.#signal }).catch(() => {});
  }
}

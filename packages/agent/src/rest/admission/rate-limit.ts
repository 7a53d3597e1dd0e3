import type { Clock } from "@nsmkit/core";

export interface RateLimit {
  /** Requests per second in the long run. */
  readonly perSecond: number;
  /** Requests at once. */
  readonly burst: number;
}

/** More clients than this are not remembered; the one that was silent longest is forgotten. */
const maxClients = 10_000;

/** A token bucket for every client. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(limit: RateLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** @returns 0 when the client may go on, else how long it has to wait, ms */
  take(client: string): number {
    const { perSecond, burst } = this.#limit;
    const atMs = this.#clock.monotonic();
    const before = this.#buckets.get(client) ?? { tokens: burst, atMs };
    const tokens = Math.min(burst, before.tokens + ((atMs - before.atMs) * perSecond) / 1000);
    const allowed = tokens >= 1;
    this.#buckets.delete(client);
    this.#buckets.set(client, { tokens: allowed ? tokens - 1 : tokens, atMs });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > maxClients && oldest !== undefined) this.#buckets.delete(oldest);
    return allowed ? 0 : Math.max(1, ((1 - tokens) / perSecond) * 1000);
  }

  /** Headers that the original sends with every answer. */
  get headers(): Record<string, string> {
    return {
      "x-ligato-ratelimiter-limit": String(this.#limit.perSecond),
      "x-ligato-ratelimiter-maxburst": String(this.#limit.burst),
    };
  }
}

import { backoffDelay, type Clock } from "@nsmkit/core";

interface Past {
  count: number;
  atMs: number;
}

const pauses = { initialMs: 1_000, maxMs: 60_000, jitter: 0 };
/** A quarrel that has been over for this long counts no more. */
const forgottenMs = 300_000;

/**
 * Somebody else writes what is ours: the first repair is done at once, later ones with growing pauses, so that two
 * programs that both insist do not keep etcd or the API server busy.
 */
export class Repairs {
  readonly #clock: Clock;
  readonly #past = new Map<string, Past>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the next repair of a resource has to wait, ms. */
  delayOf(resource: string): number {
    const past = this.#past.get(resource);
    if (!past) return 0;
    const sinceMs = this.#clock.monotonic() - past.atMs;
    if (sinceMs > forgottenMs) {
      this.#past.delete(resource);
      return 0;
    }
    return Math.max(0, Math.ceil(backoffDelay(past.count, pauses) - sinceMs));
  }

  done(resource: string): void {
    const past = this.#past.get(resource);
    this.#past.set(resource, { count: (past?.count ?? 0) + 1, atMs: this.#clock.monotonic() });
  }

  forget(resource: string): void {
    this.#past.delete(resource);
  }
}

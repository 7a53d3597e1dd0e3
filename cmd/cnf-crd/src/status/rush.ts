import type { Clock } from "@nsmkit/core";

const windowMs = 1_000;
/** Writes to the store within the window from which on there is a rush. */
const many = 40;

/**
 * Whether resources come in numbers, as when a whole site is applied. Then the statuses of those that are stored already
 * wait: the API server is what everybody waits for, and values in etcd come before words about them.
 */
export class Rush {
  readonly #clock: Clock;
  /** When the last writes were, as a ring. */
  readonly #times = new Float64Array(many).fill(Number.NEGATIVE_INFINITY);
  #next = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wrote(): void {
    this.#times[this.#next] = this.#clock.monotonic();
    this.#next = (this.#next + 1) % many;
  }

  get on(): boolean {
    const oldest = this.#times[this.#next] ?? 0;
    return this.#clock.monotonic() - oldest < windowMs;
  }
}

import type { Clock, Timer } from "@nsmkit/core";

interface Entry {
  readonly atMs: number;
  readonly expire: () => void;
}

/**
 * Deadlines of running calls. Calls of one descriptor all have the same bound, so per bound they expire in the order
 * in which they began, and one timer for the oldest is enough however many run.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #byBound = new Map<number, { readonly entries: Set<Entry>; timer: Timer | undefined }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `expire` after `boundMs` unless the returned function is called first. */
  add(boundMs: number, expire: () => void): () => void {
    let queue = this.#byBound.get(boundMs);
    if (!queue) {
      queue = { entries: new Set(), timer: undefined };
      this.#byBound.set(boundMs, queue);
    }
    const { entries } = queue;
    const entry = { atMs: this.#clock.monotonic() + boundMs, expire };
    entries.add(entry);
    if (!queue.timer) this.#arm(queue, boundMs);
    return () => void entries.delete(entry);
  }

  close(): void {
    for (const queue of this.#byBound.values()) {
      queue.timer?.cancel();
      queue.entries.clear();
    }
    this.#byBound.clear();
  }

  #arm(queue: { readonly entries: Set<Entry>; timer: Timer | undefined }, delayMs: number): void {
    queue.timer = this.#clock.after(delayMs, () => {
      queue.timer = undefined;
      const now = this.#clock.monotonic();
      for (const entry of queue.entries) {
        if (entry.atMs > now) {
          this.#arm(queue, entry.atMs - now);
          return;
        }
        queue.entries.delete(entry);
        entry.expire();
      }
    });
  }
}

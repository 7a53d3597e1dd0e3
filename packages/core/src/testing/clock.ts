import { type Clock, sleepWith, type Timer } from "../clock.ts";

interface Pending {
  atMs: number;
  order: number;
  fn: () => void;
}

/** A clock that stands still until told. Timers fire in order of time, then of creation. */
export class FakeClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  /** Timers that have neither fired nor been cancelled: for leak checks. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  after(delayMs: number, fn: () => void): Timer {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fn };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  sleep(delayMs: number, options?: { signal?: AbortSignal }): Promise<void> {
    return sleepWith((ms, fn) => this.after(ms, fn), delayMs, options?.signal);
  }

  /** Moves time on, firing what falls due; promise continuations run between timers. */
  async advance(byMs: number): Promise<void> {
    const target = this.#nowMs + byMs;
    await settle();
    for (;;) {
      const due = [...this.#pending]
        .filter((p) => p.atMs <= target)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (!due) break;
      this.#pending.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.fn();
      await settle();
    }
    this.#nowMs = target;
    await settle();
  }
}

/** Lets every promise continuation that is ready run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

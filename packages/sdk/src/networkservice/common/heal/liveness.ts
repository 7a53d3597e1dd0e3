import type { Clock, Timer } from "@nsmkit/core";

interface Entry {
  readonly check: () => Promise<void>;
  running: boolean;
}

/** Checks any number of connections by one timer. A check that is still running is left out of a round. */
export class LivenessRounds {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #entries = new Set<Entry>();
  #timer: Timer | undefined;

  constructor(intervalMs: number, clock: Clock) {
    this.#intervalMs = intervalMs;
    this.#clock = clock;
  }

  add(check: () => Promise<void>): Disposable {
    const entry: Entry = { check, running: false };
    this.#entries.add(entry);
    this.#timer ??= this.#clock.after(this.#intervalMs, () => this.#round());
    return { [Symbol.dispose]: () => this.#remove(entry) };
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry);
    if (this.#entries.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #round(): void {
    for (const entry of this.#entries) if (!entry.running) void this.#run(entry);
    this.#timer = this.#entries.size > 0 ? this.#clock.after(this.#intervalMs, () => this.#round()) : undefined;
  }

  async #run(entry: Entry): Promise<void> {
    entry.running = true;
    try {
      await entry.check();
    } finally {
      entry.running = false;
    }
  }
}

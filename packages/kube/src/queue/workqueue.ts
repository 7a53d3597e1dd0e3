import {
  abortError,
  type BackoffOptions,
  backoffDelay,
  type Clock,
  CodedError,
  systemClock,
  type Timer,
} from "@nsmkit/core";
import type { QueueMetrics } from "../metrics/queue-metrics.ts";

export interface WorkQueueOptions {
  readonly name: string;
  readonly clock?: Clock;
  /** Delay of a key that failed, by its failures in a row; default client-go's 5 ms doubling to 1000 s. */
  readonly backoff?: BackoffOptions;
  /** `KubeMetrics.queue`. */
  readonly metrics?: QueueMetrics;
}

interface Waiter {
  readonly give: (key: string) => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Keys to be worked on, each once however often it was added, and never twice at the same time: what is added while a
 * key is being worked on waits until it is done. The semantics are those of client-go's workqueue.
 */
export class WorkQueue {
  readonly name: string;
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #metrics: QueueMetrics | undefined;
  readonly #unobserve: () => void;
  /** In line, in order of arrival, with the time of the first add. */
  readonly #ready = new Map<string, number>();
  readonly #working = new Map<string, number>();
  /** Added again while being worked on. */
  readonly #dirty = new Map<string, number>();
  readonly #delayed = new Map<string, { timer: Timer; atMs: number }>();
  readonly #failures = new Map<string, number>();
  readonly #waiters: Waiter[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.name = options.name;
    this.#clock = options.clock ?? systemClock;
    this.#backoff = options.backoff ?? { initialMs: 5, maxMs: 1_000_000, jitter: 0 };
    this.#metrics = options.metrics;
    const working = (): number[] => [...this.#working.values()].map((since) => this.#clock.monotonic() - since);
    this.#unobserve = options.metrics?.observe(options.name, working) ?? (() => {});
  }

  /** Keys in line now. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Nothing in line, delayed or being worked on. */
  get idle(): boolean {
    return this.#ready.size + this.#working.size + this.#dirty.size + this.#delayed.size === 0;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#metrics?.adds.inc(this.#labels);
    const now = this.#clock.monotonic();
    if (this.#working.has(key)) {
      if (!this.#dirty.has(key)) this.#dirty.set(key, now);
      return;
    }
    if (!this.#ready.has(key)) this.#ready.set(key, now);
    this.#serve();
  }

  /** Adds later. Of several times for one key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#clock.monotonic() + delayMs;
    const pending = this.#delayed.get(key);
    if (pending && pending.atMs <= atMs) return;
    pending?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { timer, atMs });
  }

  /**
   * Adds with the delay that the key's failures in a row call for, or that the server asked for if that is longer: a server
   * that says "at once" each time must not be asked in a tight loop.
   * @returns that delay, ms
   */
  addFailed(key: string, askedMs = 0): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#metrics?.retries.inc(this.#labels);
    const delayMs = Math.max(askedMs, backoffDelay(failures, this.#backoff));
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key is well: its next failure starts at the first delay again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Takes the next key; call `done` with it afterwards. @throws ABORTED, CLOSED */
  take(options: { signal: AbortSignal }): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new CodedError("CLOSED", `work queue ${this.name} is closed`));
      if (options.signal.aborted) return reject(abortError(options.signal, "waiting for work"));
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(abortError(options.signal, "waiting for work"));
      };
      const settle = (): void => options.signal.removeEventListener("abort", onAbort);
      const waiter: Waiter = {
        give: (key) => {
          settle();
          resolve(key);
        },
        refuse: (error) => {
          settle();
          reject(error);
        },
      };
      options.signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.push(waiter);
      this.#serve();
    });
  }

  done(key: string): void {
    const started = this.#working.get(key);
    if (started === undefined) return;
    this.#working.delete(key);
    this.#metrics?.workSeconds.observe(this.#labels, (this.#clock.monotonic() - started) / 1000);
    const dirtySince = this.#dirty.get(key);
    if (dirtySince !== undefined) {
      this.#dirty.delete(key);
      this.#ready.set(key, dirtySince);
      this.#serve();
    }
  }

  /** Drops what is in line and refuses everything from now on. */
  close(): void {
    this.#closed = true;
    this.#unobserve();
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#dirty.clear();
    for (const waiter of this.#waiters.splice(0))
      waiter.refuse(new CodedError("CLOSED", `work queue ${this.name} is closed`));
  }

  get #labels(): { name: string; controller: string } {
    return { name: this.name, controller: this.name };
  }

  #serve(): void {
    while (this.#waiters.length > 0 && this.#ready.size > 0) {
      const [key, since] = this.#ready.entries().next().value as [string, number];
      this.#ready.delete(key);
      const now = this.#clock.monotonic();
      this.#working.set(key, now);
      this.#metrics?.waitSeconds.observe(this.#labels, (now - since) / 1000);
      this.#waiters.shift()?.give(key);
    }
    this.#metrics?.depth.set(this.#labels, this.#ready.size);
  }
}

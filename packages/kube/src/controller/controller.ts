import {
  type BackoffOptions,
  type Clock,
  CodedError,
  isCodedError,
  type Logger,
  silentLogger,
  systemClock,
} from "@nsmkit/core";
import { retryAfterMs } from "../client/status.ts";
import type { KubeMetrics, ReconcileResult } from "../metrics/metrics.ts";
import { WorkQueue } from "../queue/workqueue.ts";

/** When a key shall be looked at again although nothing changes. */
export interface Reconciled {
  readonly requeueAfterMs?: number;
}

/**
 * Brings the world of one key to its desired state. Level-based: it reads what is, whatever event led here.
 *
 * - resolves: the key is well; `requeueAfterMs` asks for another look;
 * - throws a CodedError that is not retryable: it is logged and nothing happens until something changes;
 * - throws anything else: tried again with growing delay, or after the time that the API server asked for.
 */
export type Reconcile = (
  key: string,
  options: {
    signal: AbortSignal;
    logger: Logger;
    /** Tells that something was achieved: a failure after it is the first in a row, however many there were before. */
    progress: () => void;
  },
) => Promise<Reconciled | undefined>;

export interface ControllerOptions {
  readonly name: string;
  readonly reconcile: Reconcile;
  /** Keys worked on at a time; default 1. */
  readonly concurrency?: number;
  /** Bound of one reconcile, ms; default 120,000. */
  readonly timeoutMs?: number;
  readonly backoff?: BackoffOptions;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: KubeMetrics;
}

/** Workers on a queue of keys. */
export class Controller implements AsyncDisposable {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #workers: Promise<void>[] = [];

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = (options.logger ?? silentLogger).child({ controller: options.name });
    this.queue = new WorkQueue({
      name: options.name,
      clock: this.#clock,
      ...(options.backoff ? { backoff: options.backoff } : {}),
      ...(options.metrics ? { metrics: options.metrics.queue } : {}),
    });
  }

  /** Starts the workers. Keys added before wait in the queue. */
  start(): void {
    if (this.#workers.length > 0) return;
    const count = this.#options.concurrency ?? 1;
    this.#options.metrics?.maxConcurrent.set({ controller: this.name }, count);
    this.#workers = Array.from({ length: count }, () => this.#work());
  }

  /** Cancels what runs and waits for it. */
  async close(): Promise<void> {
    this.#stop.abort(new CodedError("ABORTED", `controller ${this.name} stops`));
    this.queue.close();
    await Promise.all(this.#workers);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #work(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let key: string;
      try {
        key = await this.queue.take({ signal });
      } catch {
        // Closed or cancelled: the loop's condition ends it.
        return;
      }
      try {
        await this.#once(key);
      } finally {
        this.queue.done(key);
      }
    }
  }

  async #once(key: string): Promise<void> {
    const { metrics, timeoutMs = 120_000 } = this.#options;
    const labels = { controller: this.name };
    const startedMs = this.#clock.monotonic();
    const time = new AbortController();
    const timer = this.#clock.after(timeoutMs, () =>
      time.abort(new CodedError("DEADLINE_EXCEEDED", `reconciling ${key} took longer than ${timeoutMs} ms`)),
    );
    const logger = this.#logger.child({ key });
    metrics?.activeWorkers.inc(labels);
    let result: ReconcileResult = "success";
    try {
      const signal = AbortSignal.any([this.#stop.signal, time.signal]);
      const reconciled = await this.#options.reconcile(key, { signal, logger, progress: () => this.queue.forget(key) });
      this.queue.forget(key);
      if (reconciled?.requeueAfterMs !== undefined) {
        result = "requeue_after";
        this.queue.addAfter(key, reconciled.requeueAfterMs);
      }
    } catch (error) {
      result = "error";
      if (time.signal.aborted) metrics?.timeouts.inc(labels);
      this.#failed(key, error, logger);
    } finally {
      timer.cancel();
      metrics?.activeWorkers.dec(labels);
      metrics?.reconcileTotal.inc({ ...labels, result });
      metrics?.reconcileSeconds.observe(labels, (this.#clock.monotonic() - startedMs) / 1000);
    }
  }

  #failed(key: string, error: unknown, logger: Logger): void {
    if (this.#stop.signal.aborted) return;
    const { metrics } = this.#options;
    metrics?.reconcileErrors.inc({ controller: this.name });
    if (!isCodedError(error)) metrics?.panics.inc({ controller: this.name });
    if (isCodedError(error) && !error.retryable) {
      metrics?.terminalErrors.inc({ controller: this.name });
      this.queue.forget(key);
      logger.error("reconcile failed for good, waiting for a change", { error });
      return;
    }
    const delayMs = this.queue.addFailed(key, retryAfterMs(error));
    // A conflict only says that the cache was behind.
    logger[isCodedError(error, "CONFLICT") ? "debug" : "warn"]("reconcile failed, trying again", { error, delayMs });
  }
}

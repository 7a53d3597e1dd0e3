import type { Clock, Closable, Logger, Timer } from "@nsmkit/core";
import type { BaseValueStatus, Scheduler, ValueStatus } from "@nsmkit/scheduler";
import type { Etcd, Session } from "../../etcd/api.ts";
import { prefix } from "../../etcd/bytes.ts";
import { formatStatus, hasStatus, statusKey, statusPrefix } from "../../etcd/value-status.ts";
import { overallStatus } from "../../value-status.ts";
import { LeasedKeys } from "./leased-keys.ts";

export interface StatusPublisherOptions {
  readonly etcd: Etcd;
  readonly session: Session;
  readonly scheduler: Pick<Scheduler, "statuses" | "status" | "watch">;
  readonly label: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A call, or a wait for another value, that takes less is not worth telling of, ms. */
const patienceMs = 200;

/**
 * Tells in etcd what became of every value of the agent, see etcd/value-status.ts. A state that is still changing
 * (a call under way, a value that waits for the next one) is told only when it lasts; everything else at once.
 */
export class StatusPublisher implements Closable {
  readonly keys: LeasedKeys;
  readonly #options: StatusPublisherOptions;
  readonly #closing = new AbortController();
  readonly #refused = new Map<string, string>();
  readonly #waiting = new Map<string, Timer>();
  #watching: Promise<void> = Promise.resolve();

  constructor(options: StatusPublisherOptions) {
    this.#options = options;
    this.keys = new LeasedKeys({ ...options, range: prefix(statusPrefix(options.label)) });
  }

  start(): void {
    const { scheduler } = this.#options;
    this.keys.start();
    this.#watching = this.#watch();
    for (const status of scheduler.statuses()) this.#take(status);
  }

  /** A value that did not get as far as the scheduler; undefined when that is over. */
  refused(key: string, error: string | undefined): void {
    if (error === undefined) this.#refused.delete(key);
    else this.#refused.set(key, error);
    this.#tell(key, overallStatus(this.#options.scheduler.status(key)));
  }

  /** What was written may be gone. */
  verify(): void {
    this.keys.verify();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const timer of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
    await this.#watching;
    await this.keys.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #watch(): Promise<void> {
    const { scheduler } = this.#options;
    for await (const status of scheduler.watch({ keySelector: hasStatus, signal: this.#closing.signal }))
      this.#take(status);
  }

  #take(status: BaseValueStatus): void {
    const { key } = status.value;
    if (!hasStatus(key)) return;
    const overall = overallStatus(status);
    this.#waiting.get(key)?.cancel();
    this.#waiting.delete(key);
    if (!isChanging(status)) {
      this.#tell(key, overall);
      return;
    }
    const late = (): void => {
      this.#waiting.delete(key);
      this.#tell(key, overallStatus(this.#options.scheduler.status(key)));
    };
    this.#waiting.set(key, this.#options.clock.after(patienceMs, late));
  }

  #tell(key: string, status: ValueStatus): void {
    const { label } = this.#options;
    if (!hasStatus(key)) return;
    const told = this.#withRefusal(key, status);
    this.keys.set(statusKey(label, key), told && formatStatus(told));
  }

  #withRefusal(key: string, status: ValueStatus): ValueStatus | undefined {
    const gone = status.state === "NONEXISTENT" || status.state === "REMOVED" || status.state === "OBTAINED";
    const error = this.#refused.get(key);
    if (error === undefined) return gone ? undefined : status;
    return {
      key,
      state: "INVALID",
      error: gone ? error : `${error}; the value before it stays in force`,
      last_operation: "VALIDATE",
    };
  }
}

function isChanging({ value, derived_values = [] }: BaseValueStatus): boolean {
  return [value, ...derived_values].some(
    ({ state, details = [] }) =>
      state === "PENDING" || details.some((text) => / (?:in progress|waiting for its turn)$/.test(text)),
  );
}

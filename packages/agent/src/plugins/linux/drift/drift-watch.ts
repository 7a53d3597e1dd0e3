import { type Clock, type Closable, isCodedError, type Timer } from "@nsmkit/core";
import type { Monitor } from "@nsmkit/netlink";
import type { Item } from "../../../northbound/item.ts";
import type { LinuxContext } from "../context.ts";
import type { OpenNamespace } from "../namespaces.ts";
import { routeProtocol } from "../route-metadata.ts";
import { missingKeys } from "./missing.ts";

export interface DriftOptions {
  readonly context: LinuxContext;
  readonly clock: Clock;
  /** What is wanted now. */
  readonly declared: () => Iterable<Item>;
}

/** Our own removals have reached the scheduler's books after this long, ms; a link that flaps has come back or not. */
const settleMs = 100;
/** Somebody who removes things again and again is not raced: the pause grows to this, ms. */
const longestPauseMs = 30_000;
/** After this long without a removal the pause is short again, ms. */
const calmMs = 60_000;

/**
 * Notices when somebody else removes a link, an address, a route or a neighbour that was configured, and has it put
 * back by a resync of the scheduler, which shows in its history.
 */
export class DriftWatch implements Closable {
  readonly #options: DriftOptions;
  readonly #monitors = new Set<Monitor>();
  readonly #stop = new AbortController();
  #timer: Timer | undefined;
  #checking: Promise<void> | undefined;
  #again = false;
  #pauseMs = settleMs;
  #repairedMs = Number.NEGATIVE_INFINITY;

  constructor(options: DriftOptions) {
    this.#options = options;
  }

  /** Begins to follow a namespace. @returns stops it */
  async follow(namespace: OpenNamespace): Promise<() => Promise<void>> {
    const monitor = await namespace.handle.monitor({ groups: ["addr", "route", "neigh"], actions: ["delete"] });
    monitor.unref();
    this.#monitors.add(monitor);
    const reading = this.#read(monitor, namespace);
    return async () => {
      this.#monitors.delete(monitor);
      await monitor.close();
      await reading;
    };
  }

  /** Something of ours may be gone. */
  suspect(): void {
    if (this.#stop.signal.aborted) return;
    if (this.#checking) this.#again = true;
    else this.#timer ??= this.#options.clock.after(this.#delayMs(), () => this.#check());
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    await Promise.all([...this.#monitors].map((monitor) => monitor.close()));
    await this.#checking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(monitor: Monitor, namespace: OpenNamespace): Promise<void> {
    const { logger } = this.#options.context;
    try {
      for await (const event of monitor) {
        if (event.type === "route" && event.route.protocol !== routeProtocol) continue;
        if (event.type === "neigh" && event.neigh.state !== "permanent" && event.neigh.state !== "failed") continue;
        this.suspect();
      }
    } catch (error) {
      if (!isCodedError(error, "CLOSED"))
        logger.error("removals in a namespace are no longer followed", { namespace: namespace.netns.label, error });
    }
  }

  #delayMs(): number {
    const sinceMs = this.#options.clock.monotonic() - this.#repairedMs;
    if (sinceMs > calmMs) this.#pauseMs = settleMs;
    return Math.max(settleMs, this.#pauseMs - sinceMs);
  }

  #check(): void {
    this.#timer = undefined;
    this.#checking = this.#repair()
      .catch((error: unknown) =>
        this.#options.context.logger.warn("what was removed could not be looked for", { error }),
      )
      .finally(() => {
        this.#checking = undefined;
        if (this.#again) this.suspect();
        this.#again = false;
      });
  }

  async #repair(): Promise<void> {
    const { context, declared, clock } = this.#options;
    const { signal } = this.#stop;
    const missing = await missingKeys(context, declared(), { signal });
    if (missing.length === 0 || signal.aborted) return;
    context.logger.warn("somebody else removed what is configured; it is put back", {
      keys: missing.slice(0, 10),
      count: missing.length,
    });
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs === settleMs ? 500 : this.#pauseMs * 2);
    this.#repairedMs = clock.monotonic();
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
    await context
      .scheduler()
      .transaction()
      .commit({
        resync: "downstream",
        retry: { maxCount: 0, maxPeriodMs: longestPauseMs },
        description: `removed by somebody else: ${missing[0]}${more}`,
        waitMs: longestPauseMs,
        signal,
      });
  }
}

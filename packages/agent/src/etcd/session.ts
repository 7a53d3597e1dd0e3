import {
  abortError,
  backoffDelay,
  type Clock,
  isCodedError,
  type Logger,
  silentLogger,
  systemClock,
} from "@nsmkit/core";
import type { Etcd, Session } from "./api.ts";

export interface SessionOptions {
  /** How long keys outlive their owner, s; default 5, Ligato's `session-ttl`. */
  readonly ttlSeconds?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Between attempts to get a lease or to keep it. */
const retry = { initialMs: 100, maxMs: 2000 };

/** Opens a session; it has no lease yet. */
export function openSession(etcd: Etcd, options: SessionOptions = {}): Session {
  const session = new KeptSession(etcd, options);
  session.start();
  return session;
}

class KeptSession implements Session {
  readonly #etcd: Etcd;
  readonly #ttlSeconds: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(lease: bigint | undefined) => void>();
  #running: Promise<void> = Promise.resolve();
  #lease: bigint | undefined;

  constructor(etcd: Etcd, options: SessionOptions) {
    this.#etcd = etcd;
    this.#ttlSeconds = options.ttlSeconds ?? 5;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  start(): void {
    this.#running = this.#run();
  }

  get lease(): bigint | undefined {
    return this.#lease;
  }

  onLease(listener: (lease: bigint | undefined) => void): () => void {
    this.#listeners.add(listener);
    if (this.#lease !== undefined) listener(this.#lease);
    return () => this.#listeners.delete(listener);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { id, ttlSeconds } = await this.#etcd.leaseGrant(this.#ttlSeconds, { signal });
        failures = 0;
        this.#set(id);
        await this.#keep(id, ttlSeconds);
        this.#logger.warn("the etcd lease was lost", { lease: id.toString(16) });
        this.#set(undefined);
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        this.#logger.debug("no etcd lease", { error });
        await this.#clock.sleep(backoffDelay(failures, retry), { signal }).catch(() => {});
      }
    }
  }

  /** Resolves when the lease has ended for certain, or has not been heard of for longer than it lives. */
  async #keep(id: bigint, grantedSeconds: number): Promise<void> {
    const { signal } = this.#closing;
    let ttlMs = grantedSeconds * 1000;
    let aliveUntil = this.#clock.monotonic() + ttlMs;
    for (let failures = 0; ; ) {
      // Three chances in a lease's life.
      const waitMs = failures === 0 ? ttlMs / 3 : Math.min(ttlMs / 3, backoffDelay(failures, retry));
      await this.#clock.sleep(waitMs, { signal });
      const askedAt = this.#clock.monotonic();
      try {
        ttlMs = (await this.#etcd.leaseKeepAlive(id, { signal })) * 1000;
        aliveUntil = askedAt + ttlMs;
        failures = 0;
      } catch (error) {
        if (signal.aborted) throw abortError(signal, "keeping a lease");
        if (isCodedError(error, "NOT_FOUND")) return;
        failures++;
        // A server that was away gives a lease its whole time again when it is back, so only it can say that one ended;
        // a lease on a store that was replaced is not found there. Until then keys may be gone: nobody is told twice.
        if (this.#clock.monotonic() > aliveUntil && this.#lease !== undefined) this.#set(undefined);
        continue;
      }
      if (this.#lease === undefined) this.#set(id);
    }
  }

  #set(lease: bigint | undefined): void {
    if (this.#lease === lease) return;
    this.#lease = lease;
    for (const listener of this.#listeners) listener(lease);
  }

  async close(): Promise<void> {
    const lease = this.#lease;
    this.#closing.abort();
    await this.#running;
    this.#set(undefined);
    this.#listeners.clear();
    if (lease === undefined) return;
    // Keys go at once instead of after their time; without an answer they still do.
    await this.#etcd.leaseRevoke(lease).catch((error: unknown) => {
      this.#logger.debug("the etcd lease ends by itself", { error });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

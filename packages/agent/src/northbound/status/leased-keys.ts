import {
  backoffDelay,
  type Clock,
  type Closable,
  isCodedError,
  type Logger,
  messageOf,
  type Timer,
} from "@nsmkit/core";
import type { Etcd, KeyRange, Operation, Session } from "../../etcd/api.ts";
import { maxTxnOps } from "../../etcd/api.ts";
import { textOf } from "../../etcd/bytes.ts";
import { outcomeUnknown } from "../../etcd/errors.ts";

export interface LeasedKeysOptions {
  readonly etcd: Etcd;
  readonly session: Session;
  /** All keys of this range are ours: those that nobody wants go. */
  readonly range: KeyRange;
  readonly logger: Logger;
  readonly clock: Clock;
}

interface Written {
  readonly value: string;
  readonly lease: bigint;
}

const retry = { initialMs: 100, maxMs: 5000 };

/**
 * How often the store is looked at, ms for few keys and for each of many: another process with our name, such as the
 * Pod before us that is still ending, may have written its own keys over ours and taken them away with it. To watch them
 * instead would have two that live fight at full speed.
 */
const lookAfterMs = 30_000;
const lookAfterMsPerKey = 10;

/**
 * Keeps keys in etcd as they are wanted, bound to our lease: each change is written once, several in one transaction,
 * and everything again when the lease or the store was lost. Without etcd it waits, and writes only the last state.
 */
export class LeasedKeys implements Closable {
  readonly #options: LeasedKeysOptions;
  readonly #wanted = new Map<string, string>();
  /** Keys whose wanted and written values may differ. */
  readonly #dirty = new Set<string>();
  readonly #closing = new AbortController();
  /** What the store has; undefined when that is to be read. */
  #written: Map<string, Written> | undefined;
  #lease: bigint | undefined;
  #batch = maxTxnOps;
  #running: Promise<void> | undefined;
  #stopListening: () => void = () => {};
  #look: Timer | undefined;
  #troubled = false;
  /** Puts and deletes that were done, and the transactions they took. */
  readonly counts = { operations: 0, transactions: 0 };

  constructor(options: LeasedKeysOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopListening = this.#options.session.onLease((lease) => {
      this.#lease = lease;
      for (const key of this.#wanted.keys()) this.#dirty.add(key);
      this.#soon();
    });
  }

  /** @param value undefined: the key is not wanted any more */
  set(key: string, value: string | undefined): void {
    if (this.#wanted.get(key) === value) return;
    if (value === undefined) this.#wanted.delete(key);
    else this.#wanted.set(key, value);
    this.#dirty.add(key);
    this.#soon();
  }

  /** What is in the store may not be what we wrote: it is read, and put right. */
  verify(): void {
    this.#written = undefined;
    this.#soon();
  }

  /** Resolves when nothing is left to be written, or cannot be now. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#stopListening();
    this.#closing.abort();
    this.#look?.cancel();
    await this.#running;
    this.#look?.cancel();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #soon(): void {
    if (this.#closing.signal.aborted || this.#lease === undefined) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // Something may have come after the last look.
      if (this.#dirty.size > 0 || !this.#written) this.#soon();
      this.#lookLater();
    });
  }

  #lookLater(): void {
    this.#look?.cancel();
    if (this.#closing.signal.aborted) return;
    const delayMs = Math.max(lookAfterMs, this.#wanted.size * lookAfterMsPerKey);
    this.#look = this.#options.clock.after(delayMs, () => this.verify());
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { clock, logger } = this.#options;
    // What changes in the same turn is written together.
    await new Promise((resolve) => setImmediate(resolve));
    for (let failures = 0; !signal.aborted && this.#lease !== undefined; ) {
      try {
        this.#written ??= await this.#read();
        if (this.#dirty.size === 0) break;
        await this.#write(this.#lease, this.#written);
        failures = 0;
        if (this.#troubled) logger.info("states are published again");
        this.#troubled = false;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        if (outcomeUnknown(error)) this.#written = undefined;
        // A lease that ended is replaced by the session, which tells us.
        if (!this.#troubled) logger.warn("states cannot be published now", { error });
        this.#troubled = true;
        await clock.sleep(backoffDelay(failures, retry), { signal }).catch(() => {});
      }
    }
  }

  async #read(): Promise<Map<string, Written>> {
    const { etcd, range } = this.#options;
    const { kvs } = await etcd.list(range, { signal: this.#closing.signal });
    const written = new Map<string, Written>();
    for (const kv of kvs) {
      const key = textOf(kv.key);
      // One that is no text was written by nobody who knows what these keys are.
      if (key !== undefined) written.set(key, { value: textOf(kv.value) ?? "", lease: kv.lease });
    }
    for (const key of this.#wanted.keys()) this.#dirty.add(key);
    for (const key of written.keys()) this.#dirty.add(key);
    return written;
  }

  async #write(lease: bigint, written: Map<string, Written>): Promise<void> {
    const chosen = new Map<string, string | undefined>();
    for (const key of this.#dirty) {
      if (chosen.size >= this.#batch) break;
      const value = this.#wanted.get(key);
      const known = written.get(key);
      if (value === known?.value && (value === undefined || known?.lease === lease)) this.#dirty.delete(key);
      else chosen.set(key, value);
    }
    if (chosen.size === 0) return;
    for (const key of chosen.keys()) this.#dirty.delete(key);
    try {
      const success = [...chosen].map(
        ([key, value]): Operation => (value === undefined ? { delete: key } : { put: key, value, lease }),
      );
      await this.#options.etcd.txn({ success }, { signal: this.#closing.signal });
    } catch (error) {
      for (const key of chosen.keys()) this.#dirty.add(key);
      this.#shrink(error, chosen);
      return;
    }
    this.counts.operations += chosen.size;
    this.counts.transactions++;
    for (const [key, value] of chosen) {
      if (value === undefined) written.delete(key);
      else written.set(key, { value, lease });
    }
  }

  /** A server may take fewer operations, or smaller requests, than is usual. */
  #shrink(error: unknown, chosen: ReadonlyMap<string, unknown>): void {
    if (!isCodedError(error, "INVALID_ARGUMENT")) throw error;
    if (chosen.size > 1) {
      this.#batch = Math.max(1, chosen.size >> 1);
      return;
    }
    for (const key of chosen.keys()) {
      this.#dirty.delete(key);
      this.#options.logger.error("etcd refuses a key", { key, error: messageOf(error) });
    }
  }
}

import { abortError, type Clock, CodedError, systemClock, type Timer, throwIfAborted } from "@nsmkit/core";
import type {
  Bytes,
  Etcd,
  EtcdCallOptions,
  KeyRange,
  KeyValue,
  Lease,
  Listing,
  ListOptions,
  StoreState,
  Txn,
  TxnResult,
  WatchEvent,
  WatchOptions,
  WatchUpdate,
  WriteOptions,
} from "../api.ts";
import { MemoryStore } from "./store.ts";

/** What a test makes of a call: nothing, an error before it is done, or one after. */
export type Fault = { readonly before: Error } | { readonly after: Error } | undefined;

interface MemoryLease {
  readonly ttlSeconds: number;
  readonly keys: Set<string>;
  timer: Timer;
}

interface Watcher {
  readonly range: KeyRange;
  next: bigint;
  wake: () => void;
  lost: boolean;
}

/** A store that was saved, see `MemoryEtcd.save`. */
export interface SavedStore {
  readonly store: MemoryStore;
}

/**
 * An etcd of one member in this process, for tests. test/etcd runs the same cases against it and a real one
 * (`etcdCases`). What only a test can do is at the end.
 */
export class MemoryEtcd implements Etcd {
  readonly name = "memory";
  /** Transactions that changed something, puts and deletes included. */
  writes = 0;
  /** Asked before each call: what shall become of it? */
  fault: (call: string) => Fault = () => undefined;
  readonly #clock: Clock;
  readonly #leases = new Map<bigint, MemoryLease>();
  readonly #watchers = new Set<Watcher>();
  #store = new MemoryStore();
  #clusterId = 1n;
  #raftTerm = 2n;
  #nextLease = 1n;
  #down = false;
  #closed = false;

  constructor(options: { clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  get(key: Bytes, options: EtcdCallOptions = {}): Promise<KeyValue | undefined> {
    return this.#call("get", options, () => this.#store.get(key));
  }

  list(range: KeyRange, options: ListOptions = {}): Promise<Listing> {
    return this.#call("list", options, () => {
      const kvs = this.#store.range(range, options.revision);
      const store = this.#state();
      const shown = options.keysOnly ? kvs.map((kv) => ({ ...kv, value: new Uint8Array(0) })) : kvs;
      return { revision: options.revision || store.revision, store, kvs: shown };
    });
  }

  put(key: Bytes, value: Bytes, options: WriteOptions = {}): Promise<{ revision: bigint }> {
    const { lease = 0n } = options;
    return this.#call("put", options, () => ({
      revision: this.#txn({ success: [{ put: key, value, lease }] }).revision,
    }));
  }

  delete(range: Bytes | KeyRange, options: EtcdCallOptions = {}): Promise<{ revision: bigint; deleted: number }> {
    return this.#call("delete", options, () => {
      const { revision, results } = this.#txn({ success: [{ delete: range }] });
      return { revision, deleted: results[0]?.kind === "delete" ? results[0].deleted : 0 };
    });
  }

  txn(txn: Txn, options: EtcdCallOptions = {}): Promise<TxnResult> {
    return this.#call("txn", options, () => this.#txn(txn));
  }

  compact(revision: bigint, options: EtcdCallOptions = {}): Promise<void> {
    return this.#call("compact", options, () => this.#store.compact(revision));
  }

  async *watch(range: KeyRange, options: WatchOptions = {}): AsyncGenerator<WatchUpdate> {
    const { signal } = options;
    if (signal?.aborted) return;
    const store = await this.#call("watch", options, () => this.#state());
    const watcher: Watcher = { range, next: options.fromRevision ?? store.revision + 1n, wake: () => {}, lost: false };
    const onAbort = (): void => watcher.wake();
    this.#watchers.add(watcher);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      yield { kind: "created", store };
      while (!signal?.aborted) {
        if (this.#closed) throw closedError();
        if (watcher.lost) throw away();
        const told = this.#store.eventsFrom(range, watcher.next);
        if (told.length === 0) {
          const { promise, resolve } = Promise.withResolvers<void>();
          watcher.wake = resolve;
          await promise;
          continue;
        }
        for (const { revision, events } of told) {
          watcher.next = revision + 1n;
          yield { kind: "events", revision, events };
          if (watcher.lost) break;
        }
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#watchers.delete(watcher);
    }
  }

  leaseGrant(ttlSeconds: number, options: EtcdCallOptions = {}): Promise<Lease> {
    return this.#call("leaseGrant", options, () => {
      const id = this.#nextLease++;
      this.#leases.set(id, { ttlSeconds, keys: new Set(), timer: this.#expiry(id, ttlSeconds) });
      return { id, ttlSeconds };
    });
  }

  leaseKeepAlive(id: bigint, options: EtcdCallOptions = {}): Promise<number> {
    return this.#call("leaseKeepAlive", options, () => {
      const lease = this.#lease(id);
      lease.timer.cancel();
      lease.timer = this.#expiry(id, lease.ttlSeconds);
      return lease.ttlSeconds;
    });
  }

  leaseRevoke(id: bigint, options: EtcdCallOptions = {}): Promise<void> {
    return this.#call("leaseRevoke", options, () => {
      this.#lease(id);
      this.endLease(id);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#leases.values()) timer.cancel();
    for (const watcher of this.#watchers) watcher.wake();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // For tests.

  /** Answers nobody until `start`; leases do not end meanwhile. */
  stop(): void {
    this.#down = true;
    for (const { timer } of this.#leases.values()) timer.cancel();
    this.dropWatches();
  }

  /** Comes back as after a restart: with another term, and with the whole time of each lease before it. */
  start(): void {
    this.#down = false;
    this.#raftTerm++;
    for (const [id, lease] of this.#leases) lease.timer = this.#expiry(id, lease.ttlSeconds);
  }

  /** Breaks all watches, as a connection that is lost. */
  dropWatches(): void {
    for (const watcher of this.#watchers) {
      watcher.lost = true;
      watcher.wake();
    }
  }

  /** Ends a lease as its time does. */
  endLease(id: bigint): void {
    const lease = this.#leases.get(id);
    if (!lease) return;
    lease.timer.cancel();
    this.#leases.delete(id);
    const operations = [...lease.keys].map((key) => ({ delete: Buffer.from(key, "latin1") }));
    if (operations.length > 0) this.#changed(this.#store.txn({ success: operations }).events);
  }

  get leases(): readonly bigint[] {
    return [...this.#leases.keys()];
  }

  save(): SavedStore {
    return { store: this.#store.copy() };
  }

  /**
   * Becomes what was saved, as an etcd restored from a backup does; leases stay as they are.
   * @param options.sameTerm the backup was taken a term ago, and the restart has made up for it
   */
  restore(saved: SavedStore, options: { newCluster?: boolean; sameTerm?: boolean } = {}): void {
    this.#store = saved.store.copy();
    if (!options.sameTerm) this.#raftTerm++;
    if (options.newCluster) this.#clusterId++;
    this.dropWatches();
  }

  async #call<T>(name: string, { signal }: EtcdCallOptions, work: () => T): Promise<T> {
    throwIfAborted(signal, `etcd: ${name}`);
    const fault = this.fault(name);
    // A call takes at least a turn, as one over a network does.
    await null;
    if (signal?.aborted) throw abortError(signal, `etcd: ${name}`);
    if (this.#closed) throw closedError();
    if (this.#down) throw away();
    if (fault && "before" in fault) throw fault.before;
    const result = work();
    if (fault) throw fault.after;
    return result;
  }

  #state(): StoreState {
    return { clusterId: this.#clusterId, memberId: 1n, revision: this.#store.revision, raftTerm: this.#raftTerm };
  }

  #txn(txn: Txn): TxnResult {
    const leases = [...(txn.success ?? []), ...(txn.failure ?? [])].flatMap((op) =>
      "put" in op && op.lease ? [op.lease] : [],
    );
    for (const id of leases) this.#lease(id);
    const { result, events } = this.#store.txn(txn);
    this.#changed(events);
    return result;
  }

  #changed(events: readonly WatchEvent[]): void {
    if (events.length === 0) return;
    this.writes++;
    for (const { type, kv } of events) {
      const key = Buffer.from(kv.key).toString("latin1");
      for (const lease of this.#leases.values()) lease.keys.delete(key);
      if (type === "put" && kv.lease !== 0n) this.#leases.get(kv.lease)?.keys.add(key);
    }
    for (const watcher of this.#watchers) watcher.wake();
  }

  #lease(id: bigint): MemoryLease {
    const lease = this.#leases.get(id);
    if (!lease) throw new CodedError("NOT_FOUND", "etcdserver: requested lease not found");
    return lease;
  }

  #expiry(id: bigint, ttlSeconds: number): Timer {
    return this.#clock.after(ttlSeconds * 1000, () => this.endLease(id));
  }
}

function away(): CodedError {
  return new CodedError("UNAVAILABLE", "etcd: nobody answers");
}

function closedError(): CodedError {
  return new CodedError("CLOSED", "the etcd client is closed");
}

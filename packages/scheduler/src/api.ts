import type { Clock, Logger } from "@nsmkit/core";
import type { Descriptor } from "./descriptor.ts";
import type { FlagName, FlagStats, RecordedNode } from "./history/graph-view.ts";
import type { MetadataMap } from "./metadata.ts";
import type { Notification } from "./notify.ts";
import type { RecordedKVWithMetadata, RecordedTxn } from "./record.ts";
import type { SchedulerMetrics, SchedulerStats } from "./stats.ts";
import type { Transaction } from "./transaction.ts";
import type { BaseValueStatus, View } from "./value.ts";

export interface HistoryOptions {
  /** Keep transactions and node revisions after they are over; default true. */
  readonly record?: boolean;
  /** Default 1440. */
  readonly ageLimitMinutes?: number;
  /** What began in this time after the start is kept for ever; default 60. */
  readonly permanentlyRecordedInitPeriodMinutes?: number;
  /** Most transactions kept beyond those of the initial period; default 20,000. */
  readonly maxTransactions?: number;
}

export interface SchedulerOptions {
  readonly descriptors?: readonly Descriptor[];
  /** Default: silent. */
  readonly logger?: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Longest time for one southbound call unless its descriptor says otherwise, ms; default 120,000. */
  readonly callTimeoutMs?: number;
  /** Default of the transaction option `simulate`; default false. */
  readonly simulate?: boolean;
  /** How values are shown in history and dumps; default: as they are. */
  describeValue?(value: unknown, key: string): unknown;
  readonly history?: HistoryOptions;
}

/** Give one of the two; without either, everything. */
export interface ValueFilter {
  readonly descriptor?: string;
  readonly keyPrefix?: string;
}

/**
 * The desired-state engine: northbound says what should be, descriptors know how to make it so, the scheduler decides
 * what to do when.
 *
 * The contract of concurrency:
 *
 * 1. For one key, at most one create, update or delete runs at any time, and changes take effect in the order in which
 *    their transactions were started. A change that comes while a call runs waits for that call only; of several
 *    waiting changes the last one counts and the others are reported as superseded.
 * 2. A create or update whose value is meanwhile to be deleted, replaced by a different one, or has lost a dependency
 *    is cancelled through its signal. A delete is never cancelled by a change.
 * 3. A value is created only when all its dependencies exist, and removed before any of them is. Derived values are
 *    created after and removed before their base. Values that depend on each other in a circle are created one after
 *    the other once everything outside the circle is there.
 * 4. A create or update that claims a name waits until whoever is letting go of it has done so.
 * 5. Nothing else waits: calls for keys without such a relation run at the same time, also across transactions, however
 *    long one of them takes. Calls are begun in the order delete, re-create, create, update, each by key.
 * 6. Every call is bounded. When its time is up its signal is cancelled and the value is RETRYING or FAILED with
 *    DEADLINE_EXCEEDED. As rule 1 still holds, nothing is tried for that key before the call has returned; then the
 *    value is read back (if its descriptor can) and work goes on. Values that waited for an overdue delete go ahead.
 * 7. A transaction has settled when each of its values, and everything that was touched because of it, is in place,
 *    removed, pending on something that is not under way, failed, waiting for a retry, or superseded.
 */
export interface Scheduler extends AsyncDisposable {
  /** Adds descriptors. @throws CodedError CONFLICT or ALREADY_EXISTS; then none of them was added */
  register(...descriptors: Descriptor[]): void;
  /** Begins to collect changes. @throws CodedError CLOSED */
  transaction(): Transaction;
  /**
   * Tells of southbound changes. Never blocks, never drops: the latest state per key is processed, soon and before any
   * transaction started later. Keys without descriptor and keys that northbound manages are ignored.
   */
  notify(...changes: Notification[]): void;
  /** Resolves when every transaction and notification known now has settled. */
  barrier(options?: { signal?: AbortSignal }): Promise<void>;

  /** Status of a base or derived value; NONEXISTENT for an unknown key. */
  status(key: string): BaseValueStatus;
  /** Base values, sorted by key. @throws CodedError NOT_FOUND for an unknown descriptor */
  statuses(filter?: ValueFilter): BaseValueStatus[];
  /**
   * Status changes of base values (a derived value's change counts for its base) from now on. Lossless per key: a slow
   * reader gets the latest status of each changed key, never too few keys. Ends with the signal or the scheduler.
   */
  watch(options?: { keySelector?: (key: string) => boolean; signal?: AbortSignal }): AsyncIterable<BaseValueStatus>;
  /** Metadata by label. @throws CodedError NOT_FOUND if there is no such descriptor or it keeps no metadata */
  metadata<M = unknown>(descriptor: string): MetadataMap<M>;

  /** Values with metadata, sorted by key. View SB (default) calls `retrieve`. @throws CodedError NOT_FOUND, UNSUPPORTED */
  dump(filter: ValueFilter & { view?: View }, options?: { signal?: AbortSignal }): Promise<RecordedKVWithMetadata[]>;
  /** What can be asked of `dump`: the body of GET /scheduler/dump without arguments. */
  dumpIndex(): { Descriptors: string[]; KeyPrefixes: string[]; Views: View[] };
  /** Transactions that ran at some time in the window, oldest first; those still running have `PreRecord`. */
  history(window?: { sinceMs?: number; untilMs?: number }): RecordedTxn[];
  recordedTransaction(seqNum: number): RecordedTxn | undefined;
  /** Every revision of a key, or the one at a time. */
  keyTimeline(key: string, options?: { timeMs?: number }): RecordedNode[];
  graphSnapshot(options?: { timeMs?: number }): RecordedNode[];
  flagStats(flag: FlagName, prefixes?: readonly string[]): FlagStats;
  /** The graph in the DOT language, now, at a time, or when a transaction was over (its values are highlighted). @throws CodedError NOT_FOUND */
  toDot(options?: { timeMs?: number; seqNum?: number }): string;
  stats(): SchedulerStats;
  metrics(): SchedulerMetrics;
  /** Prefixes that northbound should watch. */
  nbKeyPrefixes(): string[];

  /**
   * Stops retries, cancels running calls, waits for them up to `graceMs` (default 5000). Transactions that have not
   * settled reject with CLOSED. Safe to call twice.
   */
  close(options?: { graceMs?: number }): Promise<void>;
}

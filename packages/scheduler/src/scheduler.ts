import type { Clock, Logger } from "@nsmkit/core";
import type { Descriptor } from "./descriptor.ts";
import type { MetadataMap } from "./metadata.ts";
import type { RecordedKVWithMetadata, RecordedTxn } from "./record.ts";
import type { Transaction } from "./transaction.ts";
import type { BaseValueStatus, View } from "./value.ts";

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
  readonly history?: {
    /** Default true. */
    readonly record?: boolean;
    /** Default 1440. */
    readonly ageLimitMinutes?: number;
    /** What happened in this time after the start is kept for ever; default 60. */
    readonly permanentlyRecordedInitPeriodMinutes?: number;
  };
}

/** A change that happened southbound by itself. `value` undefined: it is gone. */
export interface Notification {
  readonly key: string;
  readonly value?: unknown;
  readonly metadata?: unknown;
}

/** The desired-state engine. */
export interface Scheduler extends AsyncDisposable {
  /** Adds descriptors. @throws CodedError CONFLICT or ALREADY_EXISTS; then none of them was added */
  register(...descriptors: Descriptor[]): void;
  transaction(): Transaction;
  /** Tells of southbound changes. Never blocks, never drops: the latest state per key is processed. */
  notify(...changes: Notification[]): void;
  /** Resolves when every transaction and notification known now has settled. */
  barrier(options?: { signal?: AbortSignal }): Promise<void>;
  status(key: string): BaseValueStatus;
  /** Base values, sorted by key. */
  statuses(filter?: { descriptor?: string; keyPrefix?: string }): BaseValueStatus[];
  /**
   * Status changes of base values (a derived value's change counts for its base). Lossless per key: a slow reader
   * gets the latest status of each changed key, never too few keys.
   */
  watch(options?: { keySelector?: (key: string) => boolean; signal?: AbortSignal }): AsyncIterable<BaseValueStatus>;
  /** @throws CodedError NOT_FOUND if there is no such descriptor or it keeps no metadata */
  metadata<M = unknown>(descriptor: string): MetadataMap<M>;
  dump(
    filter: { descriptor?: string; keyPrefix?: string; view?: View },
    options?: { signal?: AbortSignal },
  ): Promise<RecordedKVWithMetadata[]>;
  /** Oldest first. `sinceMs`, `untilMs`: ms since the epoch. */
  history(window?: { sinceMs?: number; untilMs?: number }): RecordedTxn[];
  recordedTransaction(seqNum: number): RecordedTxn | undefined;
  nbKeyPrefixes(): string[];
  /** Stops retries, cancels running calls and waits for them up to `graceMs` (default 5000). */
  close(options?: { graceMs?: number }): Promise<void>;
}

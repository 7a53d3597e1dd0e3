import type { RecordedTxn, RecordedTxnOp } from "./record.ts";
import type { TxnOperation, ValueStatus } from "./value.ts";

/** How failed operations of a transaction are repeated. */
export interface RetryOptions {
  /** Delay before the first repetition, ms; default 1000. */
  readonly periodMs?: number;
  /** Repetitions; default 3, 0 for no limit. */
  readonly maxCount?: number;
  /** Double the delay each time; default true. */
  readonly expBackoff?: boolean;
  /** Longest delay, ms; default 300,000. */
  readonly maxPeriodMs?: number;
}

/**
 * - `full`: the transaction holds everything northbound wants; the southbound is read first.
 * - `upstream`: the same without reading the southbound.
 * - `downstream`: the transaction must be empty; the southbound is read and brought back to what northbound wanted.
 */
export type ResyncKind = "full" | "upstream" | "downstream";

export interface TransactionOptions {
  readonly resync?: ResyncKind;
  /** With `full` or `downstream`: log what was read from the southbound, per descriptor. Default false. */
  readonly verbose?: boolean;
  /** Repeat what failed; true for the defaults. Default: do not. */
  readonly retry?: boolean | RetryOptions;
  /** On the first failure put back all values of this transaction as they were. Default false; not with `resync`. */
  readonly revertOnFailure?: boolean;
  readonly description?: string;
  /** Work out and record the plan before executing. Costs a copy of the graph. Default: the scheduler's `simulate`. */
  readonly simulate?: boolean;
}

export interface CommitOptions extends TransactionOptions {
  /** Stop waiting after this many ms; the transaction goes on and `unsettled` names what is not finished. Default: no limit. */
  readonly waitMs?: number;
  /** Stop waiting: `commit` rejects with ABORTED, the transaction goes on. */
  readonly signal?: AbortSignal;
}

export interface KeyError {
  readonly key: string;
  readonly operation: TxnOperation;
  readonly error: unknown;
}

export interface TransactionResult {
  readonly seqNum: number;
  /** Status, when the transaction settled, of every value named in it (for a resync: also of those it removed). */
  readonly values: Readonly<Record<string, ValueStatus>>;
  /** Every failed or refused operation of this transaction, also on derived values and dependants. Empty: all went well. */
  readonly errors: readonly KeyError[];
  /** Keys, including derived values and dependants, on which work was still going on when waiting stopped. */
  readonly unsettled: readonly string[];
  /** Keys of this transaction that a later one changed before this one was done with them. */
  readonly superseded: readonly string[];
}

/** A transaction under way. */
export interface StartedTransaction {
  readonly seqNum: number;
  /** What was planned; empty unless `simulate`. */
  readonly planned: readonly RecordedTxnOp[];
  /** Resolves when the transaction has settled. Never rejects while the scheduler is open; CLOSED if it closes first. */
  readonly settled: Promise<TransactionResult>;
  /** The record as it is now. */
  record(): RecordedTxn;
}

/** A set of changes being collected. Nothing happens before `start` or `commit`; either can be called once. */
export interface Transaction {
  /** Wants `key` to have `value` (not null or undefined). The value must not be changed afterwards. */
  set(key: string, value: unknown): Transaction;
  delete(key: string): Transaction;
  /** What the transaction would do now if every call succeeded at once. Calls nothing southbound, changes nothing. */
  plan(options?: TransactionOptions): readonly RecordedTxnOp[];
  /** Begins and returns at once. The first calls have been made when it returns (after a read, with a resync). */
  start(options?: TransactionOptions): StartedTransaction;
  /** `start`, then waits until the transaction has settled. Failures are in the result, not thrown. */
  commit(options?: CommitOptions): Promise<TransactionResult>;
}

import { Deferred } from "@nsmkit/core";
import type { Intent, Node, RetryPolicy } from "../graph/node.ts";
import type { ResyncType, TxnType } from "../record.ts";
import type { RegisteredDescriptor } from "../registry.ts";
import type { KeyError, TransactionResult } from "../transaction.ts";
import type { TxnOperation, ValueOrigin, ValueState } from "../value.ts";

/** An operation as history keeps it: references to values, shown to people only when asked for. */
export interface OpRecord {
  readonly operation: TxnOperation;
  readonly key: string;
  readonly descriptor: RegisteredDescriptor | undefined;
  readonly newState: ValueState;
  readonly newValue: unknown;
  readonly newError: unknown;
  readonly prevState: ValueState;
  readonly prevValue: unknown;
  readonly prevError: unknown;
  readonly noop: boolean;
  readonly derived: boolean;
  readonly property: boolean;
  readonly revert: boolean;
  readonly recreate: boolean;
}

export interface RunValue {
  readonly key: string;
  /** undefined: delete. */
  readonly value: unknown;
  readonly origin: ValueOrigin;
  /** For showing the value. */
  readonly descriptor?: RegisteredDescriptor | undefined;
}

export interface RunOptions {
  readonly seqNum: number;
  readonly type: TxnType;
  readonly startMs: number;
  readonly resync?: ResyncType;
  readonly description?: string;
  /** `attempt` 0: not a repetition of something that failed. */
  readonly retryFor?: { readonly seqNum: number; readonly attempt: number };
  readonly retry?: RetryPolicy | undefined;
  readonly revertOnFailure?: boolean;
  readonly verbose?: boolean;
}

/** A transaction being worked on: which nodes are still in motion because of it, and what was done so far. */
export class Run {
  readonly seqNum: number;
  readonly type: TxnType;
  readonly resync: ResyncType;
  readonly description: string;
  readonly retryFor: { readonly seqNum: number; readonly attempt: number } | undefined;
  readonly revertOnFailure: boolean;
  readonly verbose: boolean;
  readonly intent: Intent;
  readonly values: RunValue[] = [];
  planned: readonly OpRecord[] | undefined = undefined;
  readonly ops: (OpRecord | undefined)[] = [];
  readonly errors: KeyError[] = [];
  /** Nodes in motion because of this transaction. */
  readonly open = new Set<Node>();
  /** Work that is not yet in motion, such as a read of the southbound. */
  holds = 0;
  readonly superseded = new Set<string>();
  /** What its keys were wanted to be before, for a revert. */
  readonly previous = new Map<string, { readonly wanted: unknown; readonly origin: ValueOrigin }>();
  reverting = false;
  closed = false;
  /** Wall-clock time, for history. */
  readonly startMs: number;
  /** Monotonic time, for durations. */
  beganMs = 0;
  stopMs: number | undefined = undefined;
  readonly settled = new Deferred<TransactionResult>();
  readonly waiters: readonly Run[];
  /** Creates that were put off, by key: a later create of the same key takes their place in the record. */
  readonly #putOff = new Map<string, number>();

  constructor(options: RunOptions) {
    this.seqNum = options.seqNum;
    this.type = options.type;
    this.startMs = options.startMs;
    this.resync = options.resync ?? "NotResync";
    this.description = options.description ?? "";
    this.retryFor = options.retryFor;
    this.revertOnFailure = options.revertOnFailure ?? false;
    this.verbose = options.verbose ?? false;
    this.intent = { seqNum: this.seqNum, retry: options.retry, revert: false };
    this.waiters = [this];
  }

  get cause(): Run {
    return this;
  }

  get isDone(): boolean {
    return this.open.size === 0 && this.holds === 0;
  }

  record(op: OpRecord): void {
    if (op.operation === "CREATE" && (op.noop || this.#putOff.size > 0)) {
      const index = this.#putOff.get(op.key);
      const before = index === undefined ? undefined : this.ops[index];
      if (index !== undefined && before) {
        this.ops[index] = undefined;
        this.#putOff.delete(op.key);
        op = { ...op, prevState: before.prevState, prevValue: before.prevValue, prevError: before.prevError };
      }
      if (op.noop && op.newState === "PENDING") this.#putOff.set(op.key, this.ops.length);
    }
    this.ops.push(op);
  }
}

import type { TxnOperation, ValueState } from "./value.ts";

/** Kinds of transactions, as the original names them in its JSON. */
export type TxnType = "SBNotification" | "NBTransaction" | "RetryFailedOps" | "RetryUnimplOps";
/** Kinds of resync, as the original names them in its JSON. */
export type ResyncType = "NotResync" | "FullResync" | "UpstreamResync" | "DownstreamResync";

/**
 * One operation that was planned or executed. The field names are those of the original's JSON (upstream
 * plugins/kvscheduler/api/txn_record.go); absent means zero or false. Values are as `describeValue` shows them.
 */
export interface RecordedTxnOp {
  readonly Operation: TxnOperation;
  readonly Key: string;
  readonly NewState?: ValueState;
  readonly NewValue?: unknown;
  readonly NewErrMsg?: string;
  readonly PrevState?: ValueState;
  readonly PrevValue?: unknown;
  readonly PrevErrMsg?: string;
  /** Nothing was called: the value is pending, invalid, unimplemented or already as wanted. */
  readonly NOOP?: boolean;
  readonly IsDerived?: boolean;
  readonly IsProperty?: boolean;
  readonly IsRevert?: boolean;
  readonly IsRetry?: boolean;
  readonly IsRecreate?: boolean;
}

export interface RecordedKVPair {
  readonly Key: string;
  /** null: the value is to be deleted. */
  readonly Value: unknown;
  /** 0 unknown, 1 northbound, 2 southbound. */
  readonly Origin: number;
}

export interface RecordedKVWithMetadata extends RecordedKVPair {
  readonly Metadata: unknown;
}

/** A transaction as history keeps it. While it runs, `PreRecord` is true, `Stop` is absent and `Executed` grows. */
export interface RecordedTxn {
  readonly PreRecord?: boolean;
  readonly WithSimulation?: boolean;
  /** RFC 3339, UTC, milliseconds. */
  readonly Start: string;
  readonly Stop?: string;
  readonly SeqNum: number;
  readonly TxnType: TxnType;
  readonly ResyncType?: ResyncType;
  readonly Description?: string;
  readonly RetryForTxn?: number;
  readonly RetryAttempt?: number;
  readonly Values?: readonly RecordedKVPair[];
  readonly Planned?: readonly RecordedTxnOp[];
  readonly Executed?: readonly RecordedTxnOp[];
}

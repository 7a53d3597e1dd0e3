export type { HistoryOptions, Scheduler, SchedulerOptions, ValueFilter } from "./api.ts";
export {
  type CallOptions,
  type Dependency,
  type Descriptor,
  exactKey,
  invalidValue,
  type KeySelector,
  keyPrefix,
  type RetrievedValue,
  type RetrieveRequest,
} from "./descriptor.ts";
export {
  type FlagName,
  type FlagStats,
  flagNames,
  type RecordedFlags,
  type RecordedNode,
  type RecordedTarget,
} from "./history/graph-view.ts";
export type { MetadataMap } from "./metadata.ts";
export type { Notification } from "./notify.ts";
export type {
  RecordedKVPair,
  RecordedKVWithMetadata,
  RecordedTxn,
  RecordedTxnOp,
  ResyncType,
  TxnType,
} from "./record.ts";
export { createScheduler } from "./scheduler.ts";
export type { CallStats, Histogram, SchedulerMetrics, SchedulerStats } from "./stats.ts";
export { transactionError } from "./transaction/result.ts";
export type {
  CommitOptions,
  KeyError,
  ResyncKind,
  RetryOptions,
  StartedTransaction,
  Transaction,
  TransactionOptions,
  TransactionResult,
} from "./transaction.ts";
export {
  type BaseValueStatus,
  type KeyValue,
  TxnOperation,
  ValueOrigin,
  ValueState,
  type ValueStatus,
  type View,
} from "./value.ts";

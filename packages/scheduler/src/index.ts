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
export type {
  RecordedKVPair,
  RecordedKVWithMetadata,
  RecordedTxn,
  RecordedTxnOp,
  ResyncType,
  TxnType,
} from "./record.ts";
export type { Scheduler, SchedulerOptions } from "./scheduler.ts";
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

export type {
  Bytes,
  Compare,
  Etcd,
  EtcdCallOptions,
  EtcdOptions,
  EtcdTls,
  FollowUpdate,
  KeyRange,
  KeyValue,
  Lease,
  Listing,
  ListOptions,
  Operation,
  OperationResult,
  Session,
  StoreState,
  Txn,
  TxnResult,
  WatchEvent,
  WatchOptions,
  WatchUpdate,
  WriteOptions,
} from "./api.ts";
export { maxTxnOps } from "./api.ts";
export { bytesOf, prefix, shown, textOf } from "./bytes.ts";
export { openEtcd } from "./client/client.ts";
export { type EtcdConf, type EtcdConfPlaces, readEtcdConf } from "./conf.ts";
export { compactedRevision, outcomeUnknown } from "./errors.ts";
export { expandVariables } from "./expand.ts";
export { type FollowOptions, follow } from "./follow.ts";
export { openSession, type SessionOptions } from "./session.ts";
export { formatStatus, hasStatus, readStatus, readStatusKey, statusKey, statusPrefix } from "./value-status.ts";

// What clients say to an etcd v3 server: packages etcdserverpb and mvccpb.
export type {
  Compare,
  RangeResponse,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  TxnResponse,
  WatchResponse,
} from "./gen/etcd/etcdserverpb/rpc_pb.js";
export {
  Auth,
  AuthenticateRequestSchema,
  CompactionRequestSchema,
  Compare_CompareResult,
  Compare_CompareTarget,
  CompareSchema,
  DeleteRangeRequestSchema,
  KV,
  Lease,
  LeaseGrantRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseRevokeRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  RequestOpSchema,
  TxnRequestSchema,
  Watch,
  WatchRequestSchema,
  WatchResponseSchema,
} from "./gen/etcd/etcdserverpb/rpc_pb.js";
export type { Event, KeyValue } from "./gen/etcd/mvccpb/kv_pb.js";
export { Event_EventType, KeyValueSchema } from "./gen/etcd/mvccpb/kv_pb.js";

// Value states: package ligato.kvscheduler.
export type {
  BaseValueStatus,
  ValueStatus,
} from "./gen/ligato/kvscheduler/value_status_pb.js";
export {
  BaseValueStatusSchema,
  TxnOperation,
  TxnOperationSchema,
  ValueState,
  ValueStateSchema,
  ValueStatusSchema,
} from "./gen/ligato/kvscheduler/value_status_pb.js";

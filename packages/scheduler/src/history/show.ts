import { messageOf } from "@nsmkit/core";
import type { RecordedKVPair, RecordedTxn, RecordedTxnOp } from "../record.ts";
import type { RegisteredDescriptor } from "../registry.ts";
import type { OpRecord, Run, RunValue } from "../transaction/run.ts";
import { ValueOrigin } from "../value.ts";

export type DescribeValue = (value: unknown, key: string) => unknown;

/** How a value is shown to people: the descriptor's way, else the scheduler's. null for no value. */
export function describe(
  describeValue: DescribeValue,
  descriptor: RegisteredDescriptor | undefined,
  key: string,
  value: unknown,
): unknown {
  if (value === undefined) return null;
  return descriptor?.descriptor.describeValue?.(value, key) ?? describeValue(value, key);
}

export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** A transaction as JSON, with the original's field names and its habit of leaving out what is zero. */
export function showTxn(run: Run, describeValue: DescribeValue): RecordedTxn {
  return {
    ...(run.stopMs === undefined ? { PreRecord: true } : {}),
    ...(run.planned ? { WithSimulation: true } : {}),
    Start: timeOf(run.startMs),
    ...(run.stopMs === undefined ? {} : { Stop: timeOf(run.stopMs) }),
    SeqNum: run.seqNum,
    TxnType: run.type,
    ...(run.resync === "NotResync" ? {} : { ResyncType: run.resync }),
    ...(run.description === "" ? {} : { Description: run.description }),
    ...(run.retryFor ? { RetryForTxn: run.retryFor.seqNum } : {}),
    ...(run.retryFor?.attempt ? { RetryAttempt: run.retryFor.attempt } : {}),
    ...showValues(run, describeValue),
    ...(run.planned ? { Planned: showOps(run.planned, run, describeValue) } : {}),
    ...(run.ops.length > 0 ? { Executed: showOps(run.ops, run, describeValue) } : {}),
  };
}

function showValues(run: Run, describeValue: DescribeValue): { Values?: RecordedKVPair[] } {
  // As in the original, a downstream resync brings no values of its own.
  if (run.values.length === 0 || run.resync === "DownstreamResync") return {};
  const values = [...run.values].sort((a, b) => (a.key < b.key ? -1 : 1));
  return { Values: values.map((value) => showValue(value, describeValue)) };
}

function showValue({ key, value, origin, descriptor }: RunValue, describeValue: DescribeValue): RecordedKVPair {
  return { Key: key, Value: describe(describeValue, descriptor, key, value), Origin: ValueOrigin[origin] };
}

export function showOps(
  ops: readonly (OpRecord | undefined)[],
  run: Run | undefined,
  describeValue: DescribeValue,
): RecordedTxnOp[] {
  const isRetry = run?.type === "RetryFailedOps" || run?.type === "RetryUnimplOps";
  return ops.flatMap((op) => (op ? [showOp(op, isRetry, describeValue)] : []));
}

function showOp(op: OpRecord, isRetry: boolean, describeValue: DescribeValue): RecordedTxnOp {
  const show = (value: unknown): unknown => describe(describeValue, op.descriptor, op.key, value);
  return {
    Operation: op.operation,
    Key: op.key,
    ...(op.newState === "NONEXISTENT" ? {} : { NewState: op.newState }),
    ...(op.newValue === undefined ? {} : { NewValue: show(op.newValue) }),
    ...(op.newError === undefined ? {} : { NewErrMsg: messageOf(op.newError) }),
    ...(op.prevState === "NONEXISTENT" ? {} : { PrevState: op.prevState }),
    ...(op.prevValue === undefined ? {} : { PrevValue: show(op.prevValue) }),
    ...(op.prevError === undefined ? {} : { PrevErrMsg: messageOf(op.prevError) }),
    ...(op.noop ? { NOOP: true } : {}),
    ...(op.derived ? { IsDerived: true } : {}),
    ...(op.property ? { IsProperty: true } : {}),
    ...(op.revert ? { IsRevert: true } : {}),
    ...(isRetry ? { IsRetry: true } : {}),
    ...(op.recreate ? { IsRecreate: true } : {}),
  };
}

import { CodedError, type ErrorCode } from "@nsmkit/core";
import type { Op } from "../api/ops.ts";
import { codeOfErrno, errnoName, errnoText } from "../os/errno.ts";
import type { UnitFailure } from "../worker/protocol.ts";
import { describeOp } from "./describe.ts";

/** The kernel's answer to one op as an error that names the object, the operation and, where there is one, the remedy. */
export function kernelError(op: Op, failure: UnitFailure, where: string): CodedError {
  const errno = errnoName(failure.errno);
  const doing = describeOp(op);
  const details = {
    errno,
    operation: op.op,
    object: doing,
    ...(failure.message === undefined ? {} : { kernelMessage: failure.message }),
    ...(failure.offset === undefined ? {} : { offset: failure.offset }),
    ...(failure.missing ? { missing: failure.missing } : {}),
    ...(failure.failed ? { failed: failure.failed.map((each) => ({ ...each, errno: errnoName(each.errno) })) } : {}),
  };
  const code = codeOf(op, errno, failure);
  return new CodedError(code, `cannot ${doing}${where}: ${reason(op, code, failure)}`, { details });
}

export const invalidOp = (op: Op, error: CodedError): CodedError =>
  new CodedError(error.code, `cannot ${describeOp(op)}: ${error.message}`, {
    cause: error,
    details: { ...error.details, operation: op.op },
  });

export const notAttempted = (op: Op): CodedError =>
  new CodedError("FAILED_PRECONDITION", `did not ${describeOp(op)}: an earlier op of the batch failed`, {
    details: { notAttempted: true, operation: op.op },
  });

export const interrupted = (op: Op, partial: readonly unknown[]): CodedError =>
  new CodedError("DUMP_INTERRUPTED", `${describeOp(op)}: the table kept changing while it was read`, {
    details: { operation: op.op, partial },
  });

function codeOf(op: Op, errno: string, failure: UnitFailure): ErrorCode {
  if (failure.missingLink !== undefined) return "NOT_FOUND";
  // The kernel's word for "no such address" when deleting one (inet_rtm_deladdr(), inet6_addr_del()).
  if (op.op === "addrDelete" && errno === "EADDRNOTAVAIL") return "NOT_FOUND";
  if (failure.failed?.length === 0 && failure.missing) return "NOT_FOUND";
  return codeOfErrno(failure.errno);
}

function reason(op: Op, code: ErrorCode, failure: UnitFailure): string {
  if (failure.missingLink !== undefined) return `there is no link "${failure.missingLink}"`;
  if (failure.failed || failure.missing) return deletionReason(failure);
  const words = failure.message === undefined ? "" : `: ${failure.message}`;
  const text = `${failure.doing === undefined ? "" : `could not ${failure.doing}: `}${errnoText(failure.errno)}${words}`;
  if (code === "UNSUPPORTED" && op.op === "linkAdd" && failure.message === "Unknown device type")
    return `this kernel has no link type "${op.link.kind}"; load its module (modprobe ${op.link.kind}) or use a kernel that has it`;
  if (code === "PERMISSION_DENIED") return `${text}; this needs CAP_NET_ADMIN in the namespace's user namespace`;
  return text;
}

function deletionReason({ missing = [], failed = [], errno }: UnitFailure): string {
  const parts = failed.map(({ link, errno: each, message }) => `${link}: ${message ?? errnoText(each)}`);
  if (missing.length > 0)
    parts.push(missing.length === 1 ? `there is no link ${missing[0]}` : `no such links: ${missing.join(", ")}`);
  return parts.join("; ") || errnoText(errno);
}

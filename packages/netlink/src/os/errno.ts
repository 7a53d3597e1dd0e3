import { constants } from "node:os";
import { getSystemErrorMessage } from "node:util";
import { CodedError, type ErrorCode } from "@nsmkit/core";

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    // EWOULDBLOCK and EOPNOTSUPP / ENOTSUP are two names of one number; the first kept is the one the kernel uses.
    .sort(([a], [b]) => Number(a === "EWOULDBLOCK" || a === "ENOTSUP") - Number(b === "EWOULDBLOCK" || b === "ENOTSUP"))
    .reverse()
    .map(([name, number]) => [number, name]),
);

export const { EAGAIN, EBUSY, EEXIST, EINPROGRESS, EINTR, EINVAL, ENOBUFS, ENODEV, ENOENT, EPERM, EACCES, EOPNOTSUPP } =
  constants.errno;

/** "EEXIST" for 17. */
export const errnoName = (errno: number): string => names.get(errno) ?? `errno ${errno}`;

/** "EEXIST (file already exists)". */
export function errnoText(errno: number): string {
  const name = errnoName(errno);
  try {
    return `${name} (${getSystemErrorMessage(-errno)})`;
  } catch {
    return name;
  }
}

const codes: Readonly<Record<string, ErrorCode>> = {
  EEXIST: "ALREADY_EXISTS",
  EADDRINUSE: "ALREADY_EXISTS",
  ENODEV: "NOT_FOUND",
  ENXIO: "NOT_FOUND",
  ESRCH: "NOT_FOUND",
  ENOENT: "NOT_FOUND",
  EPERM: "PERMISSION_DENIED",
  EACCES: "PERMISSION_DENIED",
  EOPNOTSUPP: "UNSUPPORTED",
  EAFNOSUPPORT: "UNSUPPORTED",
  EPROTONOSUPPORT: "UNSUPPORTED",
  ENOBUFS: "RESOURCE_EXHAUSTED",
  ENOMEM: "RESOURCE_EXHAUSTED",
  EMFILE: "RESOURCE_EXHAUSTED",
  ENFILE: "RESOURCE_EXHAUSTED",
  ENOSPC: "RESOURCE_EXHAUSTED",
};

/** What these mean to somebody who connects; in an answer to a route they mean something else. */
const peerCodes: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: "UNAVAILABLE",
  ENETUNREACH: "UNAVAILABLE",
  EHOSTUNREACH: "UNAVAILABLE",
  ETIMEDOUT: "UNAVAILABLE",
};

/** The code for an errno where its meaning does not depend on the operation; else KERNEL. */
export const codeOfErrno = (errno: number): ErrorCode => codes[errnoName(errno)] ?? "KERNEL";

export interface SystemFailure {
  readonly errno: number;
  /** What could not be done: "create namespace /run/netns/a". */
  readonly doing: string;
  /** Where the errno does not tell enough. */
  readonly code?: ErrorCode;
}

/** A failed system call as it crosses from the worker. */
export function systemError({ errno, doing, code: given }: SystemFailure): CodedError {
  const code = given ?? peerCodes[errnoName(errno)] ?? codeOfErrno(errno);
  const hint =
    code === "PERMISSION_DENIED"
      ? "; this needs CAP_NET_ADMIN and CAP_SYS_ADMIN in the namespace's user namespace"
      : "";
  return new CodedError(code, `cannot ${doing}: ${errnoText(errno)}${hint}`, {
    details: { errno: errnoName(errno), operation: doing },
  });
}

/** Thrown inside the worker; it becomes a `SystemFailure` on its way out. */
export class SystemCallError extends Error {
  readonly errno: number;
  readonly doing: string;
  readonly code: ErrorCode | undefined;
  constructor(errno: number, doing: string, code?: ErrorCode) {
    super(`cannot ${doing}: ${errnoText(errno)}`);
    this.name = "SystemCallError";
    this.errno = errno;
    this.doing = doing;
    this.code = code;
  }

  get failure(): SystemFailure {
    const { errno, doing, code } = this;
    return { errno, doing, ...(code === undefined ? {} : { code }) };
  }
}

/** The errno inside an error of node:fs. */
export function errnoOf(error: unknown): number | undefined {
  return error instanceof Error && "errno" in error && typeof error.errno === "number"
    ? Math.abs(error.errno)
    : undefined;
}

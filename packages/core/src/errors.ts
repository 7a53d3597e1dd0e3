/**
 * Every code that an nsmkit error can carry, with what it tells the caller. The table is closed: a new code is a
 * new line here and a section in docs/errors.md (a test compares the two).
 */
export const ErrorCode = {
  INVALID_ARGUMENT: "the caller passed something that can never work",
  INVALID_CONFIG: "a document, setting or declared value is wrong; the message names object, field, value and remedy",
  NOT_FOUND: "the named thing does not exist",
  ALREADY_EXISTS: "the named thing exists already and belongs to someone else",
  CONFLICT: "the thing changed meanwhile or two declarations claim it",
  FAILED_PRECONDITION: "the system is not in a state in which this can be done",
  PERMISSION_DENIED: "the system or the peer refuses; retrying alone will not help",
  UNAUTHENTICATED: "the peer has no acceptable identity",
  UNAVAILABLE: "the other side cannot be reached now",
  DEADLINE_EXCEEDED: "the call did not finish in its time",
  ABORTED: "the caller cancelled",
  RESOURCE_EXHAUSTED: "a pool, table or limit is used up",
  UNSUPPORTED: "this kernel, peer or build cannot do it",
  DUMP_INTERRUPTED: "the kernel table changed while it was read; entries may be missing",
  KERNEL: "the kernel answered with an errno",
  PROTOCOL: "the peer sent something that the protocol does not allow",
  CLOSED: "the object was closed before or during the call",
  UNKNOWN: "the peer failed and did not say how",
  INTERNAL: "a rule of our own was broken; please report it",
} as const;

export type ErrorCode = keyof typeof ErrorCode;

export interface CodedErrorOptions {
  /** What led to this error; kept for logs, never shown alone. */
  readonly cause?: unknown;
  /** Whether the same call may succeed later without any change; default: by code (see `retryableByDefault`). */
  readonly retryable?: boolean;
  /** Facts for machines: object, field, errno and the like. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const retryableByDefault: ReadonlySet<ErrorCode> = new Set([
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "DUMP_INTERRUPTED",
  "RESOURCE_EXHAUSTED",
]);

/** The one error class of nsmkit. Match on `code`, not on the class: two copies of a package may be loaded. */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CodedError";
    this.code = code;
    this.retryable = options.retryable ?? retryableByDefault.has(code);
    this.details = options.details ?? {};
  }
}

/** True for an error that carries a code of the table, whichever copy of the class made it. */
export function isCodedError(error: unknown, code?: ErrorCode): error is CodedError {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return false;
  return code === undefined ? Object.hasOwn(ErrorCode, error.code) : error.code === code;
}

/** The message of anything thrown, on one line, causes joined by ": " unless the message repeats them. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message || error.name;
  if (error.cause === undefined) return own;
  const below = messageOf(error.cause);
  return own.includes(below) ? own : `${own}: ${below}`;
}

/** A cancelled signal's reason as a `CodedError`: DEADLINE_EXCEEDED for a time-out, else ABORTED. */
export function abortError(signal: AbortSignal, doing: string): CodedError {
  const reason: unknown = signal.reason;
  if (isCodedError(reason)) return reason;
  const timedOut = reason instanceof Error && reason.name === "TimeoutError";
  return timedOut
    ? new CodedError("DEADLINE_EXCEEDED", `${doing} took too long`, { cause: reason })
    : new CodedError("ABORTED", `${doing} was cancelled`, { cause: reason, retryable: false });
}

/** Throws the signal's reason as a `CodedError` if it is cancelled. */
export function throwIfAborted(signal: AbortSignal | undefined, doing: string): void {
  if (signal?.aborted) throw abortError(signal, doing);
}

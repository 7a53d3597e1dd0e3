import { type ErrorCode, isCodedError, messageOf } from "@nsmkit/core";

/** gRPC status numbers, grpc/grpc doc/statuscodes.md. */
export const Status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

const byCode: Readonly<Record<ErrorCode, keyof typeof Status>> = {
  INVALID_ARGUMENT: "INVALID_ARGUMENT",
  INVALID_CONFIG: "INVALID_ARGUMENT",
  NOT_FOUND: "NOT_FOUND",
  ALREADY_EXISTS: "ALREADY_EXISTS",
  CONFLICT: "ABORTED",
  FAILED_PRECONDITION: "FAILED_PRECONDITION",
  PERMISSION_DENIED: "PERMISSION_DENIED",
  UNAUTHENTICATED: "UNAUTHENTICATED",
  UNAVAILABLE: "UNAVAILABLE",
  DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
  ABORTED: "CANCELLED",
  RESOURCE_EXHAUSTED: "RESOURCE_EXHAUSTED",
  UNSUPPORTED: "UNIMPLEMENTED",
  DUMP_INTERRUPTED: "UNAVAILABLE",
  KERNEL: "INTERNAL",
  PROTOCOL: "INTERNAL",
  CLOSED: "UNAVAILABLE",
  UNKNOWN: "UNKNOWN",
  INTERNAL: "INTERNAL",
};

/** How a call ended. */
export interface Outcome {
  readonly status: keyof typeof Status;
  readonly message: string;
}

export const ok: Outcome = { status: "OK", message: "" };

/** What a client is told of an error. One without a code is UNKNOWN, as a Go server would answer. */
export function outcomeOf(error: unknown): Outcome {
  return { status: isCodedError(error) ? byCode[error.code] : "UNKNOWN", message: messageOf(error) };
}

/** Clients refuse header blocks that are much larger than this; a transaction with many errors has to be cut. */
const longestMessage = 4096;

/** The trailers of a call (grpc/grpc doc/PROTOCOL-HTTP2.md): everything but plain ASCII is percent-encoded. */
export function trailersOf({ status, message }: Outcome): Record<string, string> {
  const code = { "grpc-status": String(Status[status]) };
  if (message === "") return code;
  let text = "";
  for (const byte of Buffer.from(message.slice(0, longestMessage).toWellFormed()))
    text +=
      byte < 0x20 || byte > 0x7e || byte === 0x25
        ? `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
        : String.fromCharCode(byte);
  return { ...code, "grpc-message": text };
}

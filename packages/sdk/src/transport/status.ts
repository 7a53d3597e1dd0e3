import { CodedError, type ErrorCode, isCodedError, messageOf } from "@nsmkit/core";

/** gRPC status numbers, grpc/grpc doc/statuscodes.md. */
export const GrpcStatus = {
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
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type GrpcStatusName = keyof typeof GrpcStatus;

const nameOf: readonly string[] = Object.keys(GrpcStatus);

/** "NOT_FOUND" of 5; UNKNOWN of what is no status. */
export function statusName(status: number): GrpcStatusName {
  return (nameOf[status] ?? "UNKNOWN") as GrpcStatusName;
}

const codeOfStatus: readonly ErrorCode[] = [
  "INTERNAL", // OK never comes here
  "ABORTED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "CONFLICT",
  "INVALID_ARGUMENT",
  "UNSUPPORTED",
  "INTERNAL",
  "UNAVAILABLE",
  "UNKNOWN",
  "UNAUTHENTICATED",
];

const statusOfCode: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: GrpcStatus.INVALID_ARGUMENT,
  INVALID_CONFIG: GrpcStatus.INVALID_ARGUMENT,
  NOT_FOUND: GrpcStatus.NOT_FOUND,
  ALREADY_EXISTS: GrpcStatus.ALREADY_EXISTS,
  CONFLICT: GrpcStatus.ABORTED,
  FAILED_PRECONDITION: GrpcStatus.FAILED_PRECONDITION,
  PERMISSION_DENIED: GrpcStatus.PERMISSION_DENIED,
  UNAUTHENTICATED: GrpcStatus.UNAUTHENTICATED,
  UNAVAILABLE: GrpcStatus.UNAVAILABLE,
  DEADLINE_EXCEEDED: GrpcStatus.DEADLINE_EXCEEDED,
  ABORTED: GrpcStatus.CANCELLED,
  RESOURCE_EXHAUSTED: GrpcStatus.RESOURCE_EXHAUSTED,
  UNSUPPORTED: GrpcStatus.UNIMPLEMENTED,
  DUMP_INTERRUPTED: GrpcStatus.UNAVAILABLE,
  KERNEL: GrpcStatus.INTERNAL,
  PROTOCOL: GrpcStatus.INTERNAL,
  CLOSED: GrpcStatus.UNAVAILABLE,
  UNKNOWN: GrpcStatus.UNKNOWN,
  INTERNAL: GrpcStatus.INTERNAL,
};

/** What a server says of a failed call. An error that is not ours has status UNKNOWN, as a Go server would answer. */
export function statusOf(error: unknown): { status: number; message: string } {
  const status = isCodedError(error) ? statusOfCode[error.code] : GrpcStatus.UNKNOWN;
  return { status, message: messageOf(error) };
}

/** The error of a call that ended with a gRPC status other than OK. The number is kept in `details.grpcStatus`. */
export function errorOfStatus(status: number, message: string): CodedError {
  const code = codeOfStatus[status] ?? "UNKNOWN";
  return new CodedError(code, message || `the peer answered with gRPC status ${status} and no message`, {
    details: { grpcStatus: status },
  });
}

/** gRPC status of an HTTP status that came without a grpc-status, grpc/grpc doc/http-grpc-status-mapping.md. */
export function statusOfHttp(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return GrpcStatus.INTERNAL;
    case 401:
      return GrpcStatus.UNAUTHENTICATED;
    case 403:
      return GrpcStatus.PERMISSION_DENIED;
    case 404:
      return GrpcStatus.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcStatus.UNAVAILABLE;
    default:
      return GrpcStatus.UNKNOWN;
  }
}

/** gRPC status of an HTTP/2 RST_STREAM code, grpc/grpc doc/PROTOCOL-HTTP2.md "Errors". */
export function statusOfReset(http2Code: number): number {
  switch (http2Code) {
    case 7: // REFUSED_STREAM
      return GrpcStatus.UNAVAILABLE;
    case 8: // CANCEL
      return GrpcStatus.CANCELLED;
    case 11: // ENHANCE_YOUR_CALM
      return GrpcStatus.RESOURCE_EXHAUSTED;
    case 12: // INADEQUATE_SECURITY
      return GrpcStatus.PERMISSION_DENIED;
    default:
      return GrpcStatus.INTERNAL;
  }
}

const plain = /^[\x20-\x24\x26-\x7e]*$/;

/** Percent-encodes a grpc-message: everything outside %x20-%x7E, and "%". */
export function encodeMessage(message: string): string {
  if (plain.test(message)) return message;
  let out = "";
  for (const byte of Buffer.from(message.toWellFormed(), "utf8")) {
    out +=
      byte < 0x20 || byte > 0x7e || byte === 0x25
        ? `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
        : String.fromCharCode(byte);
  }
  return out;
}

/** Undoes `encodeMessage`; what does not decode stays as it is, for a broken message is better than none. */
export function decodeMessage(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

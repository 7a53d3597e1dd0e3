import { CodedError, type ErrorCode } from "@nsmkit/core";

/** The body of a failed request (apimachinery, meta/v1 Status), read leniently: it only feeds messages. */
interface StatusBody {
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly retryAfterSeconds?: unknown; readonly causes?: unknown };
}

/** HTTP status to code; the reasons that share one are told apart by `details.reason`. */
const codes: Readonly<Record<number, ErrorCode>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNSUPPORTED",
  409: "CONFLICT",
  410: "FAILED_PRECONDITION",
  413: "RESOURCE_EXHAUSTED",
  415: "UNSUPPORTED",
  422: "INVALID_CONFIG",
  429: "RESOURCE_EXHAUSTED",
  504: "DEADLINE_EXCEEDED",
};

/**
 * A failed request as an error. `details`: `status` (HTTP), `reason` ("AlreadyExists", "Expired", ...), `retryAfterMs`.
 * @param retryAfter the header of that name, seconds
 */
export function statusError(doing: string, status: number, body: unknown, retryAfter?: string): CodedError {
  const read = (typeof body === "object" && body !== null ? body : {}) as StatusBody;
  const reason = typeof read.reason === "string" ? read.reason : "";
  const seconds = Number(retryAfter ?? read.details?.retryAfterSeconds ?? Number.NaN);
  const code =
    reason === "AlreadyExists" ? "ALREADY_EXISTS" : (codes[status] ?? (status >= 500 ? "UNAVAILABLE" : "UNKNOWN"));
  const message = typeof read.message === "string" && read.message !== "" ? read.message : `HTTP ${status}`;
  return new CodedError(code, `${doing}: ${message}`, {
    retryable: status === 429 || status >= 500 || status === 409 || status === 410,
    details: { status, reason, ...(seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}) },
  });
}

/** The resourceVersion of a watch or list is too old: list again (HTTP 410, reason Expired or Gone). */
export function isExpired(error: unknown): boolean {
  return error instanceof CodedError && (error.details.status === 410 || error.details.reason === "Expired");
}

/** How long the server asked us to wait, ms. */
export function retryAfterMs(error: unknown): number | undefined {
  const asked = error instanceof CodedError ? error.details.retryAfterMs : undefined;
  return typeof asked === "number" ? asked : undefined;
}

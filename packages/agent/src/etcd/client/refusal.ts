import { CodedError, isCodedError } from "@nsmkit/core";

/**
 * What a server means by its texts (etcd api/v3rpc/rpctypes/error.go). They are part of its API: Go clients match them too.
 */
const texts: readonly (readonly [RegExp, (text: string, cause: CodedError) => CodedError])[] = [
  [
    /required revision has been compacted/,
    (text, cause) =>
      new CodedError("FAILED_PRECONDITION", `etcd has forgotten that revision: ${text}`, {
        cause,
        details: { ...cause.details, compactRevision: 0n },
      }),
  ],
  [
    /user name is empty/,
    (_text, cause) =>
      new CodedError("UNAUTHENTICATED", "etcd wants a user and a password; give the client both", {
        cause,
        details: cause.details,
      }),
  ],
  [
    /authentication failed, invalid user ID or password/,
    (_text, cause) =>
      new CodedError("UNAUTHENTICATED", "etcd does not know this user and password", {
        cause,
        details: cause.details,
      }),
  ],
  [
    /database space exceeded/,
    (_text, cause) =>
      new CodedError(
        "RESOURCE_EXHAUSTED",
        "etcd is out of space and takes no writes; compact and defragment it, then disarm its NOSPACE alarm",
        { cause, details: { ...cause.details, noSpace: true } },
      ),
  ],
];

/** The error of a call in the terms of our port. */
export function translate(error: CodedError): CodedError {
  if (!isAnswer(error)) return error;
  const found = texts.find(([pattern]) => pattern.test(error.message));
  return found ? found[1](error.message, error) : error;
}

/** True for what a server said, false for what befell the call on its way. */
export function isAnswer(error: unknown): error is CodedError {
  return isCodedError(error) && typeof error.details.grpcStatus === "number" && !/^\//.test(error.message);
}

/** The token has ended, or users were changed since it was given (rpctypes ErrInvalidAuthToken, ErrAuthOldRevision). */
export function isStaleToken(text: string): boolean {
  return /invalid auth token|revision of auth store is old/.test(text);
}

/** Written, but nobody knows whether it was done. */
export function unknownOutcome(what: string, cause: CodedError): CodedError {
  return new CodedError(
    cause.code,
    `etcd: ${what} was sent but not answered, it may have been done: ${cause.message}`,
    {
      cause,
      retryable: false,
      details: { outcomeUnknown: true },
    },
  );
}

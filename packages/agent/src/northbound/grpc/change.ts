import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import type { TransactionResult } from "@nsmkit/scheduler";
import type { ServerCall } from "@nsmkit/sdk/transport";

/**
 * Who declares what comes with a call. All gRPC clients are one source, as in the original, unless they say another
 * name in the metadata `datasrc`: a later one changes what an earlier one put.
 */
export function sourceOf(call: ServerCall): string {
  return call.metadata.get("datasrc")?.[0] || "grpc";
}

/** Over gRPC a wrong item is a wrong argument. */
export function asArgument<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isCodedError(error, "INVALID_CONFIG")) throw error;
    throw new CodedError("INVALID_ARGUMENT", error.message, { cause: error, details: error.details });
  }
}

export function transactionError(result: TransactionResult): CodedError {
  const lines = result.errors.map(({ key, operation, error }) => `${operation} ${key}: ${messageOf(error)}`);
  return new CodedError("FAILED_PRECONDITION", `transaction ${result.seqNum}: ${lines.join("\n")}`);
}

/**
 * Waits for a transaction, until the caller gives up.
 * @param waitMs longest time; undefined: no limit
 * @returns undefined: still under way
 */
export async function settledWithin(
  settled: Promise<TransactionResult>,
  waitMs: number | undefined,
  signal: AbortSignal,
): Promise<TransactionResult | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = waitMs === undefined ? undefined : setTimeout(resolve, waitMs, undefined);
  const stop = (): void => resolve(undefined);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([settled, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

import { type Clock, systemClock } from "./clock.ts";
import { isCodedError, throwIfAborted } from "./errors.ts";

export interface BackoffOptions {
  /** Delay before the second attempt, ms; default 100. */
  readonly initialMs?: number;
  /** Upper limit of a delay, ms; default 10,000. */
  readonly maxMs?: number;
  /** Growth per attempt; default 2. */
  readonly factor?: number;
  /** Part of the delay that is random, 0..1; default 0.2, so that many clients do not come back at once. */
  readonly jitter?: number;
}

/** Delay in ms before attempt `attempt` + 1, where `attempt` counts failed attempts from 1. */
export function backoffDelay(
  attempt: number,
  options: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  const { initialMs = 100, maxMs = 10_000, factor = 2, jitter = 0.2 } = options;
  // Beyond 2^64 the power only overflows; the limit has long been reached.
  const full = Math.min(maxMs, initialMs * factor ** Math.min(64, Math.max(0, attempt - 1)));
  return full * (1 - jitter + jitter * random());
}

export interface RetryOptions extends BackoffOptions {
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  /** Attempts in all; default unlimited. */
  readonly attempts?: number;
  /** Default: every error but a `CodedError` that is not retryable. */
  readonly shouldRetry?: (error: unknown) => boolean;
  /** Told of each failure that will be retried. */
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/** Runs `attempt` until it succeeds. Throws its last error, or ABORTED / DEADLINE_EXCEEDED when the signal ends the wait. */
export async function retry<T>(attempt: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const clock = options.clock ?? systemClock;
  const shouldRetry = options.shouldRetry ?? ((error) => !isCodedError(error) || error.retryable);
  for (let count = 1; ; count++) {
    throwIfAborted(options.signal, "retrying");
    try {
      return await attempt(count);
    } catch (error) {
      if (count >= (options.attempts ?? Number.POSITIVE_INFINITY) || !shouldRetry(error)) throw error;
      const delayMs = backoffDelay(count, options);
      options.onRetry?.(error, count, delayMs);
      await clock.sleep(delayMs, options.signal ? { signal: options.signal } : {});
    }
  }
}

import { abortError } from "./errors.ts";

/** A timer that has not fired yet. Cancelling one that fired or was cancelled does nothing. */
export interface Timer {
  cancel(): void;
}

/** Where time comes from, so that tests can hold it still. */
export interface Clock {
  /** Wall-clock time in ms since the Unix epoch. */
  now(): number;
  /** Monotonic time in ms, for durations. */
  monotonic(): number;
  /** Calls `fn` once after `delayMs` (>= 0; any size, also beyond setTimeout's 2^31-1 ms). Does not keep the process alive. */
  after(delayMs: number, fn: () => void): Timer;
  /** Resolves after `delayMs`; rejects with ABORTED or DEADLINE_EXCEEDED as soon as the signal is cancelled. */
  sleep(delayMs: number, options?: { signal?: AbortSignal }): Promise<void>;
}

/** setTimeout turns anything larger into 1 ms (WHATWG HTML, timers). */
const longestTimeoutMs = 2 ** 31 - 1;

function after(delayMs: number, fn: () => void, keepAlive: boolean): Timer {
  let left = Math.max(0, delayMs);
  let handle: NodeJS.Timeout;
  const arm = (): void => {
    const step = Math.min(left, longestTimeoutMs);
    left -= step;
    handle = setTimeout(() => (left > 0 ? arm() : fn()), step);
    if (!keepAlive) handle.unref();
  };
  arm();
  return { cancel: () => clearTimeout(handle) };
}

/** Sleeping on any clock, built from its `after`. */
export function sleepWith(
  start: (delayMs: number, fn: () => void) => Timer,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortError(signal, "waiting"));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(abortError(signal as AbortSignal, "waiting"));
    };
    const timer = start(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The machine's clock. A pending `sleep` keeps the process alive, a pending `after` does not. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, fn) => after(delayMs, fn, false),
  sleep: (delayMs, options) => sleepWith((ms, fn) => after(ms, fn, true), delayMs, options?.signal),
};

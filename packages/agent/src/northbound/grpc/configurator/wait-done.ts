import { abortError, CodedError } from "@nsmkit/core";
import type { BaseValueStatus, Scheduler, ValueState, ValueStatus } from "@nsmkit/scheduler";

/** In these a value is what it is to be, or is not wanted any more. */
const done: ReadonlySet<ValueState> = new Set(["CONFIGURED", "OBTAINED", "DISCOVERED", "NONEXISTENT", "REMOVED"]);
/** In these it stays until somebody changes it. */
const hopeless: ReadonlySet<ValueState> = new Set(["FAILED", "INVALID", "UNIMPLEMENTED"]);

/**
 * Waits until nothing of the values is pending or being tried again, what is derived from them (addresses, VRFs) included.
 * @throws CodedError FAILED_PRECONDITION when one of them cannot work; DEADLINE_EXCEEDED or ABORTED with the signal,
 * each naming the keys and why they are not in place
 */
export async function waitUntilDone(
  scheduler: Scheduler,
  keys: readonly string[],
  options: { signal: AbortSignal },
): Promise<void> {
  const waiting = new Set(keys);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const changes = scheduler.watch({ keySelector: (key) => waiting.has(key), signal })[Symbol.asyncIterator]();
  const look = (status: BaseValueStatus): void => {
    const all = [status.value, ...(status.derived_values ?? [])];
    const failed = all.find(({ state }) => hopeless.has(state));
    if (failed) throw new CodedError("FAILED_PRECONDITION", `${failed.key} is not in place: ${reasonOf(failed)}`);
    if (all.every(({ state }) => done.has(state))) waiting.delete(status.value.key);
  };
  try {
    for (const key of keys) look(scheduler.status(key));
    while (waiting.size > 0) {
      if ((await changes.next()).done) throw given(scheduler, waiting, options.signal);
      // The event may be older than what has happened since.
      for (const key of [...waiting]) look(scheduler.status(key));
    }
  } finally {
    stop.abort();
    void changes.return?.();
  }
}

function reasonOf({ state, error, details }: ValueStatus): string {
  return [state, error, details?.join(", ")].filter((part) => part !== undefined && part !== "").join(", ");
}

const shown = 5;

/** The caller gave up, or the scheduler has ended. */
function given(scheduler: Scheduler, waiting: ReadonlySet<string>, signal: AbortSignal): CodedError {
  const all = [...waiting].flatMap((key) => {
    const { value, derived_values = [] } = scheduler.status(key);
    return [value, ...derived_values].filter(({ state }) => !done.has(state));
  });
  const lines = all.slice(0, shown).map((status) => `${status.key} (${reasonOf(status)})`);
  if (all.length > shown) lines.push(`and ${all.length - shown} more`);
  if (!signal.aborted) return new CodedError("CLOSED", "the agent is closing");
  const { code } = abortError(signal, "wait_done");
  return new CodedError(code, `not in place: ${lines.join("; ")}`, { cause: signal.reason });
}

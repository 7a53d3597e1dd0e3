import { setTimeout as sleep } from "node:timers/promises";
import { isLost, isSettled, reasonOf, SchedulerApi, valuesOf } from "../connection/scheduler.ts";
import type { Session } from "../connection/session.ts";

const pollMs = 100;

/**
 * Waits until the values, with all that is derived from them, are in place; with `gone`, until they are no more. A value
 * that failed for good ends the wait.
 * @returns what is not as wished, a line for each; empty when all is
 */
export async function waitForValues(
  session: Session,
  keys: readonly string[],
  { gone, timeoutMs }: { readonly gone: boolean; readonly timeoutMs: number },
): Promise<string[]> {
  const scheduler = new SchedulerApi(session.http);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const statuses = await Promise.all(keys.map((key) => scheduler.status(key)));
    const values = statuses.flatMap(valuesOf);
    const open = gone
      ? values.filter(({ state }) => state !== "NONEXISTENT" && state !== "REMOVED" && state !== "OBTAINED")
      : values.filter((value) => !isSettled(value) || (value.state === "NONEXISTENT" && keys.includes(value.key)));
    if (open.length === 0) return [];
    if (performance.now() >= deadline || (!gone && open.every(isLost)))
      return open.map((value) => `${value.key} is ${value.state}${reasonOf(value) ? `: ${reasonOf(value)}` : ""}`);
    await sleep(pollMs, undefined, { signal: session.signal });
  }
}

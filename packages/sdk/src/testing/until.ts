import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `holds` is true. @throws naming what was awaited, after `timeoutMs`; default 10,000 */
export async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(5);
  }
}

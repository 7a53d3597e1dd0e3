/**
 * Preloaded into a program (`node --import`): answers over the IPC channel what the process costs. The program itself
 * knows nothing of it.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface Cost {
  readonly rssMiB: number;
  readonly heapMiB: number;
  /** Since the process started. */
  readonly cpuMs: number;
  /** Longest time in which the event loop did not turn, since the last question. */
  readonly longestPauseMs: number;
}

const resolutionMs = 5;
let delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();

process.on("message", (message) => {
  if (message !== "cost") return;
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const cost: Cost = {
    rssMiB: rss / 2 ** 20,
    heapMiB: heapUsed / 2 ** 20,
    cpuMs: (user + system) / 1000,
    longestPauseMs: Math.max(0, delay.max / 1e6 - resolutionMs),
  };
  // A fresh one: the old one would count the time until now once more.
  delay.disable();
  delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  process.send?.(cost);
});
// The channel alone must not keep a program alive.
process.channel?.unref();

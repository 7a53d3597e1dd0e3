import { abortable, type Clock, throwIfAborted } from "@nsmkit/core";
import type { PingOptions, PingResult } from "../api/ping.ts";
import { checkInteger, invalid } from "../names/invalid.ts";
import { type Family, formatIp, parseIp } from "../names/ip.ts";
import type { Probe, ProbeResult } from "./echo-socket.ts";

/** Checked options with their defaults. */
export interface PingPlan {
  readonly family: Family;
  readonly count: number;
  readonly intervalMs: number;
  readonly probe: Omit<Probe, "link">;
}

const longestMs = 2 ** 31 - 1;

/** @throws CodedError INVALID_ARGUMENT */
export function planPing(options: PingOptions): PingPlan {
  const destination = parseIp(options.destination, "destination");
  const source = options.source === undefined ? undefined : parseIp(options.source, "source");
  if (source && source.family !== destination.family)
    throw invalid("source", options.source, `is not IPv${destination.family}`, "use the family of the destination");
  const linkLocal =
    destination.family === 6 && destination.bytes[0] === 0xfe && ((destination.bytes[1] ?? 0) & 0xc0) === 0x80;
  if (linkLocal && options.link === undefined)
    throw invalid("destination", options.destination, "is link-local", "say through which link");
  return {
    family: destination.family,
    count: checkInteger(options.count ?? 1, "count", 1, 65_535),
    intervalMs: checkInteger(options.intervalMs ?? 200, "intervalMs", 0, longestMs),
    probe: {
      destination: formatIp(destination.bytes),
      ...(source ? { source: formatIp(source.bytes) } : {}),
      size: checkInteger(options.size ?? 56, "size", 0, 65_507),
      timeoutMs: checkInteger(options.timeoutMs ?? 1000, "timeoutMs", 1, longestMs),
    },
  };
}

/** Sends the probes at their interval, whether or not earlier ones have been answered, and waits for the last. */
export async function runPing(
  plan: PingPlan,
  probe: () => Promise<ProbeResult>,
  clock: Clock,
  signal?: AbortSignal,
): Promise<PingResult> {
  const doing = `ping to ${plan.probe.destination}`;
  const probes: Promise<ProbeResult>[] = [];
  while (probes.length < plan.count) {
    throwIfAborted(signal, doing);
    const next = probe();
    // Awaited below with the others; an early end of the loop must not leave a rejection alone.
    next.catch(() => {});
    probes.push(next);
    if (probes.length < plan.count) await clock.sleep(plan.intervalMs, signal ? { signal } : {});
  }
  const results = await abortable(Promise.all(probes), signal, doing);
  const rttMs = results.flatMap((result) => (result.rttMs === undefined ? [] : [result.rttMs]));
  const reason = results.findLast((result) => result.errno !== undefined)?.errno;
  return { sent: probes.length, received: rttMs.length, rttMs, ...(reason === undefined ? {} : { errno: reason }) };
}

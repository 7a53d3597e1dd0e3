import type { LinkRef } from "./objects.ts";

export interface PingOptions {
  /** Address to probe, IPv4 or IPv6; link-local IPv6 needs `link`. */
  readonly destination: string;
  /** Source address; default: the kernel's choice. */
  readonly source?: string;
  /** Interface to send through, by name or index. */
  readonly link?: LinkRef;
  /** Echo requests to send, 1..65535; default 1. */
  readonly count?: number;
  /** From one request to the next, ms; default 200. Nothing waits after the last reply. */
  readonly intervalMs?: number;
  /** Wait for each reply, ms; default 1000. */
  readonly timeoutMs?: number;
  /** Payload bytes, 0..65507; default 56. */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** Round-trip time of each reply in ms, in order of the requests; lost ones are left out. */
  readonly rttMs: readonly number[];
  /** Why requests were lost, when the kernel said so: "EHOSTUNREACH", "ENETUNREACH" ... */
  readonly errno?: string;
}

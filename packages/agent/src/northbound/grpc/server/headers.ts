import type { IncomingHttpHeaders } from "node:http2";
import type { Metadata } from "@nsmkit/sdk/transport";

/** Headers of HTTP/2 and gRPC themselves. */
const own = new Set(["content-type", "te", "user-agent", "host"]);

/** What a client added to its call. Values of `-bin` keys stay base64 text. */
export function metadataOf(headers: IncomingHttpHeaders): Metadata {
  const metadata = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":") || name.startsWith("grpc-") || own.has(name)) continue;
    // node:http2 joins what was sent several times; gRPC lets a comma do that too.
    metadata.set(name, Array.isArray(value) ? value : value.split(", "));
  }
  return metadata;
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 };

/** A grpc-timeout in ms; undefined for what is none. */
export function timeoutOf(text: unknown): number | undefined {
  const [, digits, unit = ""] = (typeof text === "string" && /^(\d{1,8})([HMSmun])$/.exec(text)) || [];
  return digits === undefined ? undefined : Number(digits) * (unitMs[unit] ?? 0);
}

import { CodedError } from "@nsmkit/core";
import type { Metadata } from "./api.ts";
import type { HeaderList } from "./http2/wire.ts";

export const emptyMetadata: Metadata = new Map();

/** Headers that belong to HTTP/2 and gRPC itself, grpc/grpc doc/PROTOCOL-HTTP2.md. */
const reserved: ReadonlySet<string> = new Set([
  "content-type",
  "te",
  "user-agent",
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

const isReserved = (name: string): boolean => name.startsWith(":") || name.startsWith("grpc-") || reserved.has(name);

/** The custom metadata among the headers of a stream. Values of `-bin` keys stay base64 text, as they came. */
export function metadataOf(headers: HeaderList): Metadata {
  let found: Map<string, string[]> | undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string;
    if (isReserved(name)) continue;
    found ??= new Map();
    const values = found.get(name);
    if (values) values.push(headers[at + 1] as string);
    else found.set(name, [headers[at + 1] as string]);
  }
  return found ?? emptyMetadata;
}

/** First value of a header; undefined when it is absent. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) if (headers[at] === name) return headers[at + 1];
  return undefined;
}

const keyPattern = /^[0-9a-z_.-]+$/;
const valuePattern = /^[\x20-\x7e]*$/;

/** @throws INVALID_ARGUMENT naming the key when gRPC cannot carry it */
export function checkMetadata(key: string, value: string): void {
  if (!keyPattern.test(key) || isReserved(key)) {
    throw new CodedError(
      "INVALID_ARGUMENT",
      `metadata key ${JSON.stringify(key)}: use lower-case letters, digits, "_", "." and "-", and no name of gRPC's own`,
    );
  }
  if (!valuePattern.test(value)) {
    throw new CodedError("INVALID_ARGUMENT", `metadata ${key}: the value has characters other than printable ASCII`);
  }
}

export function appendMetadata(headers: string[], metadata: Metadata): void {
  for (const [key, values] of metadata) {
    for (const value of values) {
      checkMetadata(key, value);
      headers.push(key, value);
    }
  }
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 };

/** A grpc-timeout header in ms. @returns undefined for what is not one */
export function parseTimeout(text: string): number | undefined {
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  return match ? Number(match[1]) * (unitMs[match[2] as string] as number) : undefined;
}

/** A grpc-timeout header: at most eight digits and a unit, rounded up so that the server never gives up first. */
export function formatTimeout(timeoutMs: number): string {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  if (ms < 1e8) return `${ms}m`;
  const seconds = Math.ceil(ms / 1000);
  return seconds < 1e8 ? `${seconds}S` : `${Math.min(99_999_999, Math.ceil(seconds / 3600))}H`;
}

import type { Bytes, KeyRange } from "./api.ts";

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function bytesOf(bytes: Bytes): Uint8Array {
  return typeof bytes === "string" ? encoder.encode(bytes) : bytes;
}

/** Keys and values are bytes; undefined for what is no UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Bytes for people: text as it is, anything else as `0x` and hexadecimal digits, at most 64 bytes of it. */
export function shown(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text !== undefined) return text;
  const part = Buffer.from(bytes.subarray(0, 64)).toString("hex");
  return `0x${part}${bytes.length > 64 ? "…" : ""}`;
}

/** All keys that begin with `start`; all keys of the store for "". */
export function prefix(start: Bytes): KeyRange {
  const key = bytesOf(start);
  // etcd: an end of one zero byte is "to the last key", and a key of one zero byte is the first.
  if (key.length === 0) return { key: Uint8Array.of(0), end: Uint8Array.of(0) };
  return { key, end: afterPrefix(key) };
}

function afterPrefix(key: Uint8Array): Uint8Array {
  for (let last = key.length - 1; last >= 0; last--) {
    const byte = key[last] as number;
    if (byte === 0xff) continue;
    const end = key.slice(0, last + 1);
    end[last] = byte + 1;
    return end;
  }
  return Uint8Array.of(0);
}

/** Order of keys in etcd. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

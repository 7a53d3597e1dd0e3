/** ICMP echo: RFC 792 for IPv4, RFC 4443 section 4 for IPv6. */
import type { Family } from "../names/ip.ts";

/** type u8, code u8, checksum u16, identifier u16, sequence u16. */
export const echoHeaderBytes = 8;

const types = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;

export interface Echo {
  readonly identifier: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** An echo request. For IPv6 the kernel fills in the checksum, which covers the addresses. */
export function encodeEcho(family: Family, echo: Echo): Uint8Array {
  const bytes = new Uint8Array(echoHeaderBytes + echo.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, types[family].request);
  view.setUint16(4, echo.identifier, false);
  view.setUint16(6, echo.sequence, false);
  bytes.set(echo.payload, echoHeaderBytes);
  if (family === 4) view.setUint16(2, checksum(bytes), false);
  return bytes;
}

/** @returns undefined for anything but an echo reply */
export function decodeEchoReply(family: Family, bytes: Uint8Array): Echo | undefined {
  return decode(bytes, types[family].reply);
}

/** The request inside an error report. */
export function decodeEchoRequest(family: Family, bytes: Uint8Array): Echo | undefined {
  return decode(bytes, types[family].request);
}

function decode(bytes: Uint8Array, type: number): Echo | undefined {
  if (bytes.length < echoHeaderBytes || bytes[0] !== type || bytes[1] !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    identifier: view.getUint16(4, false),
    sequence: view.getUint16(6, false),
    payload: bytes.subarray(echoHeaderBytes),
  };
}

/** What a raw IPv4 socket delivers begins with the IP header (raw(7)). @returns undefined if it does not fit */
export function withoutIpv4Header(bytes: Uint8Array): Uint8Array | undefined {
  const length = ((bytes[0] ?? 0) & 0x0f) * 4;
  return length >= 20 && length <= bytes.length ? bytes.subarray(length) : undefined;
}

/** The Internet checksum (RFC 1071). */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

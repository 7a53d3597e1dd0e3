/**
 * Strict IP text. Loose forms that many parsers take ("127.1", "010.0.0.1", "0x7f.1") are refused: what one program
 * reads as 10.0.0.1 another reads as 8.0.0.1.
 */
import { invalid } from "./invalid.ts";

export type Family = 4 | 6;

/** A parsed address: 4 or 16 bytes. */
export interface Ip {
  readonly family: Family;
  readonly bytes: Uint8Array;
}

/** A parsed "address/length"; host bits are kept. */
export interface Cidr extends Ip {
  readonly length: number;
}

export const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

/** The groups of one side of "::" as bytes; an IPv4 tail counts as two groups (RFC 4291, 2.2). */
function groupBytes(text: string): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else {
      const tail = index === groups.length - 1 ? ipv4Bytes(group) : undefined;
      if (!tail) return undefined;
      bytes.push(...tail);
    }
  }
  return bytes;
}

function ipv6Bytes(text: string): number[] | undefined {
  const sides = text.split("::");
  if (sides.length > 2) return undefined;
  const head = groupBytes(sides[0] ?? "");
  const tail = sides.length === 2 ? groupBytes(sides[1] ?? "") : [];
  if (!head || !tail) return undefined;
  // An IPv4 tail belongs at the very end, not before "::".
  if (sides.length === 2 && (sides[0] ?? "").includes(".")) return undefined;
  const missing = 16 - head.length - tail.length;
  if (sides.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** @returns undefined when the text is no address */
export function tryParseIp(text: string): Ip | undefined {
  if (text.length > 45) return undefined;
  if (text.includes(":")) {
    const bytes = ipv6Bytes(text);
    return bytes && { family: 6, bytes: Uint8Array.from(bytes) };
  }
  const bytes = ipv4Bytes(text);
  return bytes && { family: 4, bytes: Uint8Array.from(bytes) };
}

/** @throws CodedError INVALID_ARGUMENT */
export function parseIp(value: unknown, field = "IP address"): Ip {
  const ip = typeof value === "string" ? tryParseIp(value) : undefined;
  if (ip) return ip;
  const hint =
    typeof value === "string" && value.includes("/")
      ? "leave out the prefix length"
      : 'write it like "10.0.0.1" or "fd00::1"';
  throw invalid(field, value, "is not an IP address", hint);
}

/** @throws CodedError INVALID_ARGUMENT, also for an address without a length */
export function parseCidr(value: unknown, field = "address"): Cidr {
  const text = typeof value === "string" ? value : "";
  const slash = text.indexOf("/");
  const ip = slash < 0 ? undefined : tryParseIp(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  const remedy = 'write address and prefix length like "10.0.0.1/24" or "fd00::1/64"';
  if (!ip) {
    const missing = slash < 0 && tryParseIp(text) !== undefined;
    throw invalid(field, value, missing ? "has no prefix length" : "is not an address with a prefix length", remedy);
  }
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText)) throw invalid(field, value, "has a malformed prefix length", remedy);
  const length = Number(lengthText);
  const most = bitsOf(ip.family);
  if (length > most) throw invalid(field, value, `has prefix length ${length}`, `IPv${ip.family} allows 0 to ${most}`);
  return { ...ip, length };
}

/** As `parseCidr`, and the bits after the prefix must be zero. @throws CodedError INVALID_ARGUMENT */
export function parseNetwork(value: unknown, field = "network"): Cidr {
  const cidr = parseCidr(value, field);
  const network = maskCidr(cidr);
  if (network.bytes.some((byte, index) => byte !== cidr.bytes[index]))
    throw invalid(field, value, "has bits set after its prefix", `did you mean ${formatCidr(network)}?`);
  return cidr;
}

/** The network of an address: host bits cleared. */
export function maskCidr(cidr: Cidr): Cidr {
  const bytes = cidr.bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, cidr.length - index * 8));
    return byte & (0xff << (8 - kept));
  });
  return { family: cidr.family, bytes, length: cidr.length };
}

/** Canonical text: dotted IPv4; IPv6 as RFC 5952 says. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  const mapped = bytes.subarray(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff));
  if (mapped) return `::ffff:${bytes.subarray(12).join(".")}`;
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  const { start, length } = longestZeroRun(groups);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  return length < 2 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
    start += length;
  }
  return best;
}

export const formatCidr = (cidr: Cidr): string => `${formatIp(cidr.bytes)}/${cidr.length}`;

/**
 * Addresses as Go's net package reads and prints them (net.ParseIP, net.ParseCIDR, IP.String of Go 1.17 and later):
 * keys are compared as text with those of Go programs, so the text must be the same to the letter.
 */

/** What a key has in place of an address that is none. */
export const INVALID_KEY_PART = "<invalid>";

/** The start of a reference to an address that netalloc gives: `alloc:<network>[/<interface>][/GW]`. */
export const ALLOC_PREFIX = "alloc:";

export interface ParsedAddress {
  /** 4 or 6 by how the text was written: `::ffff:10.0.0.1` counts as 6 here, though it prints as IPv4. */
  readonly version: 4 | 6;
  /** Always 16 bytes; an IPv4 address is mapped into ::ffff:0:0/96. */
  readonly bytes: Uint8Array;
}

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Reads an address without zone and without prefix length; `undefined` for anything else. */
export function parseAddress(text: string): ParsedAddress | undefined {
  if (!text.includes(":")) {
    const quad = parseQuad(text);
    return quad && { version: 4, bytes: Uint8Array.from([...mappedPrefix, ...quad]) };
  }
  const bytes = parseV6(text);
  return bytes && { version: 6, bytes };
}

/** Canonical text (RFC 5952) of an address of 16 bytes, a mapped one as IPv4. */
export function addressText(bytes: Uint8Array): string {
  if (isMapped(bytes)) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const zeros = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

/** `ip` of the name templates: the canonical text, or `<invalid>`. */
export function ip(text: string): string {
  const parsed = parseAddress(text);
  return parsed ? addressText(parsed.bytes) : INVALID_KEY_PART;
}

/** `protoip` of the name templates: the version by name. A mapped address is IPv4. */
export function protoip(text: string): "IPv4" | "IPv6" | typeof INVALID_KEY_PART {
  const parsed = parseAddress(text);
  if (!parsed) return INVALID_KEY_PART;
  return isMapped(parsed.bytes) ? "IPv4" : "IPv6";
}

/**
 * `ipnet` of the name templates: the network of an address with prefix length, host bits cleared; `<invalid>` and 0
 * for text that is none, `undefined` for an `alloc:` reference, whose raw text then stands in the key.
 */
export function ipnet(text: string): { ip: string; maskSize: number } | undefined {
  if (text.startsWith(ALLOC_PREFIX)) return undefined;
  const slash = text.indexOf("/");
  const address = slash < 0 ? undefined : parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  const bits = address?.version === 4 ? 32 : 128;
  if (!address || !/^[0-9]+$/.test(digits) || Number(digits) > bits) return { ip: INVALID_KEY_PART, maskSize: 0 };
  const maskSize = Number(digits);
  const kept = maskSize + 128 - bits;
  const network = address.bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, kept - 8 * i))) & 0xff);
  return { ip: addressText(network), maskSize };
}

function parseQuad(text: string): number[] | undefined {
  const parts = text.split(".");
  // No leading zeros: some systems read them as octal.
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part))) return undefined;
  const octets = parts.map(Number);
  return octets.every((octet) => octet <= 255) ? octets : undefined;
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => groupBytes(half, i === halves.length - 1));
  if (!head) return undefined;
  if (halves.length === 1) return head.length === 16 ? Uint8Array.from(head) : undefined;
  // "::" stands for at least one group.
  if (!tail || head.length + tail.length > 14) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail]);
}

/** The bytes of groups joined by ":"; the last group may be a dotted quad at the end of the address. */
function groupBytes(text: string, atEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [i, group] of groups.entries()) {
    const quad = atEnd && i === groups.length - 1 ? parseQuad(group) : undefined;
    if (quad) {
      bytes.push(...quad);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  return mappedPrefix.every((byte, i) => bytes[i] === byte);
}

/** The first of the longest runs. */
function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [i, group] of groups.entries()) {
    if (group !== 0) start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  }
  return best;
}

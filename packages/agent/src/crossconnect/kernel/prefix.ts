/** Prefixes as the plan needs them: parsed once by netlink's strict rules, kept in canonical text. */
import {
  type Family,
  formatCidr,
  formatIp,
  maskCidr,
  type Cidr as Parsed,
  parseCidr,
  tryParseIp,
} from "@nsmkit/netlink";

export interface Prefix {
  readonly parsed: Parsed;
  readonly family: Family;
  /** Canonical address, host bits kept, without length. */
  readonly address: string;
  /** `address/length`. */
  readonly text: string;
  /** Host bits cleared, with length. */
  readonly network: string;
}

/** @throws CodedError INVALID_ARGUMENT that names the field */
export function parsePrefix(value: string, field: string): Prefix {
  const parsed = parseCidr(value, field);
  return {
    parsed,
    family: parsed.family,
    address: formatIp(parsed.bytes),
    text: formatCidr(parsed),
    network: formatCidr(maskCidr(parsed)),
  };
}

/** Whether the address of `inner` lies in the network of `outer`. */
export function prefixContains(outer: Prefix, inner: Prefix): boolean {
  const { family, bytes, length } = outer.parsed;
  if (family !== inner.family) return false;
  for (let bit = 0; bit < length; bit += 8) {
    const mask = bit + 8 <= length ? 0xff : 0xff00 >> (length - bit);
    if ((((bytes[bit >> 3] ?? 0) ^ (inner.parsed.bytes[bit >> 3] ?? 0)) & mask & 0xff) !== 0) return false;
  }
  return true;
}

export const familyOf = (address: string): Family => (address.includes(":") ? 6 : 4);

/** Canonical text of an address, or undefined. */
export function canonicalAddress(text: string): string | undefined {
  const ip = tryParseIp(text);
  return ip && formatIp(ip.bytes);
}

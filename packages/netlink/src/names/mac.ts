import { invalid } from "./invalid.ts";

const pattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
const remedy = 'write six hexadecimal bytes, such as "02:00:00:00:00:01"';

/** The 6 bytes of "02:00:00:00:00:01". @throws CodedError INVALID_ARGUMENT */
export function parseMac(value: unknown, field = "MAC address"): Uint8Array {
  if (typeof value !== "string" || !pattern.test(value)) throw invalid(field, value, "is not a MAC address", remedy);
  return Uint8Array.from(value.split(":"), (byte) => Number.parseInt(byte, 16));
}

/** As `parseMac`, for an address that a link can have: not multicast, not all zero (is_valid_ether_addr()). */
export function parseLinkMac(value: unknown, field = "MAC address"): Uint8Array {
  const bytes = parseMac(value, field);
  if (((bytes[0] ?? 0) & 1) === 1)
    throw invalid(field, value, "is a multicast address", "clear the lowest bit of its first byte");
  if (bytes.every((byte) => byte === 0)) throw invalid(field, value, "is all zero", remedy);
  return bytes;
}

/** The canonical text: lower case. @throws CodedError INVALID_ARGUMENT */
export function checkMac(value: unknown, field = "MAC address"): string {
  return formatMac(parseLinkMac(value, field));
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

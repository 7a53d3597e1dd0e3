import type { AddrScope } from "../api/objects.ts";
import { invalid } from "../names/invalid.ts";
import type { Family } from "../names/ip.ts";
import { malformed } from "./message.ts";

/** linux/socket.h */
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

export const familyNumber = (family: Family | undefined): number =>
  family === undefined ? AF_UNSPEC : family === 4 ? AF_INET : AF_INET6;

/** Undefined for families that nsmkit has no use for (bridge, MPLS, multicast routing): their entries are skipped. */
export const familyOf = (number: number): Family | undefined =>
  number === AF_INET ? 4 : number === AF_INET6 ? 6 : undefined;

/** RT_SCOPE_* (linux/rtnetlink.h). */
const scopes: readonly (readonly [AddrScope, number])[] = [
  ["global", 0],
  ["site", 200],
  ["link", 253],
  ["host", 254],
  ["nowhere", 255],
];

export function scopeNumber(scope: AddrScope): number {
  const found = scopes.find(([name]) => name === scope);
  if (!found) throw invalid("scope", scope, "is no scope", `use one of ${scopes.map(([name]) => name).join(", ")}`);
  return found[1];
}

/** Administrators may use other numbers; they count as the next wider scope. */
export function scopeOf(number: number): AddrScope {
  return scopes.findLast(([, known]) => known <= number)?.[0] ?? "global";
}

/** Text of an address of this family, checked against the length that the message states. */
export function checkPrefixLength(family: Family, length: number): number {
  if (length > (family === 4 ? 32 : 128)) throw malformed(`prefix length ${length} for IPv${family}`);
  return length;
}

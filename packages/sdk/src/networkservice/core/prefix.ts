import { CodedError } from "@nsmkit/core";
import ipaddr from "ipaddr.js";

/** An IP prefix as a number: `value` has `width` bits, of which the first `length` count. */
export interface Prefix {
  readonly width: 32 | 128;
  readonly value: bigint;
  readonly length: number;
}

/** @returns undefined for what is no address or CIDR; host bits are kept in `value` */
export function parsePrefix(text: string): Prefix | undefined {
  const match = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = match?.[1] ?? "";
  // ipaddr.js also takes "10.1", "010.0.0.1" and the like, which no peer means.
  const strict = address.includes(":") ? ipaddr.IPv6.isValid(address) : ipaddr.IPv4.isValidFourPartDecimal(address);
  if (!match || !strict) return undefined;
  const bytes = ipaddr.parse(address).toByteArray();
  const width = bytes.length === 4 ? 32 : 128;
  const length = match[2] === undefined ? width : Number(match[2]);
  if (length > width) return undefined;
  return { width, value: BigInt(`0x${Buffer.from(bytes).toString("hex")}`), length };
}

/** A pool's prefix. @throws INVALID_ARGUMENT naming the text */
export function mustParseCidr(text: string): Prefix {
  const prefix = text.includes("/") ? parsePrefix(text) : undefined;
  if (!prefix) throw new CodedError("INVALID_ARGUMENT", `${JSON.stringify(text)} is no CIDR, like 172.16.1.0/24`);
  return prefix;
}

/** The address alone, as a /32 or /128. */
export function formatAddress({ width, value }: Prefix): string {
  const bytes = [...Buffer.from(value.toString(16).padStart(width / 4, "0"), "hex")];
  return `${ipaddr.fromByteArray(bytes).toString()}/${width}`;
}

/** As CIDR text, a single address too. */
export function formatPrefix({ width, value, length }: Prefix): string {
  return formatAddress({ width, value, length }).replace(/\d+$/, String(length));
}

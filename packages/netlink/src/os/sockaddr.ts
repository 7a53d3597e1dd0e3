/** struct sockaddr_in, sockaddr_in6, sockaddr_un, sockaddr_nl in memory (netinet/in.h, sys/un.h, linux/netlink.h). */
import { invalid } from "../names/invalid.ts";
import { type Family, formatIp, parseIp } from "../names/ip.ts";
import { AF_INET, AF_INET6, AF_NETLINK, AF_UNIX } from "./libc.ts";

/** @param scopeId interface index for a link-local IPv6 address */
export function inetAddress(address: string, port: number, scopeId = 0): { family: Family; bytes: Uint8Array } {
  const ip = parseIp(address);
  const bytes = new Uint8Array(ip.family === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ip.family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port, false);
  bytes.set(ip.bytes, ip.family === 4 ? 4 : 8);
  if (ip.family === 6) view.setUint32(24, scopeId, true);
  return { family: ip.family, bytes };
}

/** The address text of a struct sockaddr_in or sockaddr_in6; undefined for anything else. */
export function inetText(bytes: Uint8Array): string | undefined {
  const family = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  if (family === AF_INET && bytes.length >= 8) return formatIp(bytes.subarray(4, 8));
  if (family === AF_INET6 && bytes.length >= 24) return formatIp(bytes.subarray(8, 24));
  return undefined;
}

/** An abstract name: a zero byte, then the name, without a final zero (unix(7)). */
export function abstractAddress(name: string): Uint8Array {
  const text = Buffer.from(name, "utf8");
  if (text.length === 0 || text.length > 107)
    throw invalid("abstract", name, `is ${text.length} bytes long`, "use 1 to 107");
  const bytes = new Uint8Array(3 + text.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(text, 3);
  return bytes;
}

/**
 * Any port, subscribed to these multicast groups, 1..32. Groups joined by setsockopt before bind would be lost: it
 * overwrites the first 32 (netlink_bind(), net/netlink/af_netlink.c).
 */
export function netlinkAddress(groups: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, groups.reduce((mask, group) => mask | (1 << (group - 1)), 0) >>> 0, true);
  return bytes;
}

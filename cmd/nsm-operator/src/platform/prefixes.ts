/** IP prefixes as numbers: which one holds which, and the smallest that holds several. */
import { isIP } from "node:net";

export interface Prefix {
  readonly family: "IPv4" | "IPv6";
  /** The network's address; bits after the length are 0. */
  readonly address: bigint;
  readonly length: number;
}

const bitsOf = { IPv4: 32, IPv6: 128 } as const;

/** @returns undefined for text that is no prefix, like an address alone */
export function parsePrefix(text: string): Prefix | undefined {
  const [, host = "", digits = ""] = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(host);
  const family = version === 4 ? "IPv4" : "IPv6";
  const length = Number(digits);
  if (version === 0 || length > bitsOf[family]) return undefined;
  return masked(family, version === 4 ? numberOfV4(host) : numberOfV6(host), length);
}

export function formatPrefix({ family, address, length }: Prefix): string {
  if (family === "IPv4") {
    const parts = [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 0xffn));
    return `${parts.join(".")}/${length}`;
  }
  const parts = Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  return `${new URL(`http://[${parts.join(":")}]`).hostname.slice(1, -1)}/${length}`;
}

export const holds = (outer: Prefix, inner: Prefix): boolean =>
  outer.family === inner.family &&
  outer.length <= inner.length &&
  masked(outer.family, inner.address, outer.length).address === outer.address;

/** Clusters' networks are seldom wider; prefixes that are farther apart are of different networks. */
const widest = { IPv4: 14, IPv6: 48 } as const;

/**
 * The smallest prefix of each network that holds all given parts of it. Nodes get their parts one after the other, so
 * with more of them it grows by doublings and soon no more, where a list would change with every node.
 */
export function covering(prefixes: readonly Prefix[]): readonly Prefix[] {
  const networks = new Map<string, Prefix>();
  for (const prefix of prefixes) {
    const { family, address, length } = prefix;
    const key = formatPrefix(masked(family, address, Math.min(length, widest[family])));
    const known = networks.get(key);
    networks.set(key, known ? union(known, prefix) : prefix);
  }
  return [...networks.values()];
}

function union(a: Prefix, b: Prefix): Prefix {
  let length = Math.min(a.length, b.length);
  while (masked(a.family, a.address, length).address !== masked(b.family, b.address, length).address) length--;
  return masked(a.family, a.address, length);
}

function masked(family: Prefix["family"], address: bigint, length: number): Prefix {
  const rest = BigInt(bitsOf[family] - length);
  return { family, address: (address >> rest) << rest, length };
}

const numberOfV4 = (host: string): bigint => host.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);

function numberOfV6(host: string): bigint {
  // The URL parser writes an embedded IPv4 address as two groups.
  const [head = "", tail] = new URL(`http://[${host}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

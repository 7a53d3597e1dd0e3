import { createHash } from "node:crypto";
import { formatIp, maskCidr, parseCidr } from "@nsmkit/netlink";

/** The n-th address of a subnet, with its length. */
export function hostOf(subnet: string, n: number): string {
  const { bytes, length } = maskCidr(parseCidr(subnet));
  const address = Uint8Array.from(bytes);
  for (let i = address.length - 1, rest = n; i >= 0 && rest > 0; i--, rest >>= 8)
    address[i] = (address[i] ?? 0) | (rest & 0xff);
  return `${formatIp(address)}/${length}`;
}

/**
 * Gives each name a number from `first` to before `end`: the same in every run and whatever other names there are, but
 * for names whose numbers would meet.
 */
export function numbersOf(names: readonly string[], first: number, end: number): Map<string, number> {
  const taken = new Set<number>();
  const numbers = new Map<string, number>();
  for (const name of names) {
    const wanted = createHash("sha256").update(name).digest().readUInt32BE(0) % (end - first);
    let number = wanted;
    while (taken.has(number)) number = (number + 1) % (end - first);
    taken.add(number);
    numbers.set(name, first + number);
  }
  return numbers;
}

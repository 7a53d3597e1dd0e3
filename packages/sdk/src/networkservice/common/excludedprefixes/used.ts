import type { IPContext } from "@nsmkit/api/networkservice";
import { formatPrefix, type Prefix, parsePrefix } from "../../core/prefix.ts";
import { PrefixSet } from "../ipam/prefix-set.ts";

/** Single addresses in use, each possibly several times, told as the fewest prefixes. */
export class UsedAddresses {
  readonly #counts = new Map<string, number>();
  readonly #v4 = new PrefixSet(32);
  readonly #v6 = new PrefixSet(128);

  get size(): number {
    return this.#counts.size;
  }

  add(addresses: readonly Prefix[]): void {
    for (const address of addresses) {
      const name = formatPrefix(address);
      const count = this.#counts.get(name) ?? 0;
      this.#counts.set(name, count + 1);
      if (count === 0) this.#setOf(address).add(address);
    }
  }

  delete(addresses: readonly Prefix[]): void {
    for (const address of addresses) {
      const name = formatPrefix(address);
      const count = this.#counts.get(name) ?? 0;
      if (count > 1) this.#counts.set(name, count - 1);
      else if (this.#counts.delete(name)) this.#setOf(address).delete(address);
    }
  }

  has(address: Prefix): boolean {
    return this.#setOf(address).has(address);
  }

  prefixes(): string[] {
    return [...this.#v4.prefixes(), ...this.#v6.prefixes()].map(formatPrefix);
  }

  #setOf({ width }: Prefix): PrefixSet {
    return width === 32 ? this.#v4 : this.#v6;
  }
}

/** The single addresses that a connection's interfaces have and its routes lead to. */
export function addressesOf(ipContext: IPContext | undefined): Prefix[] {
  const { srcIpAddrs = [], dstIpAddrs = [], srcRoutes = [], dstRoutes = [] } = ipContext ?? {};
  const routes = [...srcRoutes, ...dstRoutes].map(({ prefix }) => prefix);
  const found = new Map<string, Prefix>();
  for (const text of [...srcIpAddrs, ...dstIpAddrs, ...routes]) {
    const prefix = parsePrefix(text);
    if (!prefix || (prefix.length < prefix.width && routes.includes(text))) continue;
    const single = { ...prefix, length: prefix.width };
    found.set(formatPrefix(single), single);
  }
  return [...found.values()];
}

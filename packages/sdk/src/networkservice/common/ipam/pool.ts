import { mustParseCidr, type Prefix, parsePrefix } from "../../core/prefix.ts";
import { PrefixSet } from "./prefix-set.ts";

/** Addresses of both families that must not be handed out. */
export class Exclusions {
  readonly v4: PrefixSet;
  readonly v6: PrefixSet;

  /** What is no prefix excludes nothing. */
  constructor(texts: Iterable<string>) {
    const prefixes = [...texts].flatMap((text) => parsePrefix(text) ?? []);
    this.v4 = new PrefixSet(32, prefixes);
    this.v6 = new PrefixSet(128, prefixes);
  }

  of({ width }: Pick<Prefix, "width">): PrefixSet {
    return width === 32 ? this.v4 : this.v6;
  }

  has(address: Prefix): boolean {
    return this.of(address).has(address);
  }
}

/** The addresses of one CIDR, its first one included. The lowest free one goes first. */
export class AddressPool {
  readonly cidr: string;
  readonly #prefix: Prefix;
  readonly #taken: PrefixSet;

  /** @throws INVALID_ARGUMENT if `cidr` is none */
  constructor(cidr: string) {
    this.cidr = cidr;
    this.#prefix = mustParseCidr(cidr);
    this.#taken = new PrefixSet(this.#prefix.width);
  }

  /** Nothing is handed out. */
  get unused(): boolean {
    return this.#taken.empty;
  }

  contains(address: Prefix): boolean {
    const { width, value, length } = this.#prefix;
    const host = BigInt(width - length);
    return address.width === width && address.value >> host === value >> host;
  }

  /** @returns undefined if all are taken or excluded */
  take(excluded: Exclusions): Prefix | undefined {
    const address = PrefixSet.lowestOutside(this.#prefix, [this.#taken, excluded.of(this.#prefix)]);
    if (address) this.#taken.add(address);
    return address;
  }

  /** Takes this very address. @returns false if it is not ours, taken or excluded */
  claim(address: Prefix, excluded: Exclusions): boolean {
    const single = { ...address, length: address.width };
    if (!this.contains(single) || this.#taken.has(single) || excluded.has(single)) return false;
    this.#taken.add(single);
    return true;
  }

  free(address: Prefix): void {
    this.#taken.delete({ ...address, length: address.width });
  }
}

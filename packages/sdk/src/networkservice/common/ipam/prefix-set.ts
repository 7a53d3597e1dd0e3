import type { Prefix } from "../../core/prefix.ts";

const full: unique symbol = Symbol("every address below is in the set");
type Node = typeof full | Branch;
type Branch = readonly [Node | undefined, Node | undefined];

/**
 * A set of addresses of one family, kept as a binary trie whose complete subtrees are single nodes: neighbours cost
 * one node together. Every operation takes as many steps as an address has bits, however many are in the set.
 */
export class PrefixSet {
  readonly width: 32 | 128;
  #root: Node | undefined;

  constructor(width: 32 | 128, prefixes: Iterable<Prefix> = []) {
    this.width = width;
    for (const prefix of prefixes) if (prefix.width === width) this.add(prefix);
  }

  get empty(): boolean {
    return this.#root === undefined;
  }

  /** True if the whole prefix is in the set. */
  has(prefix: Prefix): boolean {
    let node = this.#root;
    for (let depth = 0; depth < prefix.length; depth++) {
      if (node === undefined || node === full) break;
      node = node[bitOf(prefix, depth)];
    }
    return node === full;
  }

  add(prefix: Prefix): void {
    this.#root = put(this.#root, prefix, 0, full);
  }

  delete(prefix: Prefix): void {
    this.#root = put(this.#root, prefix, 0, undefined);
  }

  /** The lowest address within `pool` that is in none of the sets; undefined if there is none. */
  static lowestOutside(pool: Prefix, sets: readonly PrefixSet[]): Prefix | undefined {
    let nodes: (Node | undefined)[] = sets.map((set) => set.#root);
    for (let depth = 0; depth < pool.length; depth++) nodes = below(nodes, bitOf(pool, depth));
    const base = pool.value >> BigInt(pool.width - pool.length);
    const value = lowest(nodes, base, pool.width - pool.length);
    return value === undefined ? undefined : { width: pool.width, value, length: pool.width };
  }

  /** The fewest prefixes that make up the set, lowest first. */
  prefixes(): Prefix[] {
    const found: Prefix[] = [];
    const walk = (node: Node | undefined, value: bigint, length: number): void => {
      if (node === undefined) return;
      if (node === full) {
        found.push({ width: this.width, value: value << BigInt(this.width - length), length });
        return;
      }
      walk(node[0], value << 1n, length + 1);
      walk(node[1], (value << 1n) | 1n, length + 1);
    };
    walk(this.#root, 0n, 0);
    return found;
  }
}

type Bit = 0 | 1;

const bitOf = ({ value, width }: Prefix, depth: number): Bit => ((value >> BigInt(width - 1 - depth)) & 1n ? 1 : 0);

function put(node: Node | undefined, prefix: Prefix, depth: number, what: Node | undefined): Node | undefined {
  if (depth === prefix.length || node === what) return depth === prefix.length ? what : node;
  const [zero, one]: Branch = node === undefined ? [undefined, undefined] : node === full ? [full, full] : node;
  const children: Branch =
    bitOf(prefix, depth) === 0 ? [put(zero, prefix, depth + 1, what), one] : [zero, put(one, prefix, depth + 1, what)];
  if (children[0] === children[1] && (children[0] === full || children[0] === undefined)) return children[0];
  return children;
}

const below = (nodes: readonly (Node | undefined)[], bit: Bit): (Node | undefined)[] =>
  nodes.map((node) => (node === undefined || node === full ? node : node[bit]));

function lowest(nodes: readonly (Node | undefined)[], value: bigint, bitsLeft: number): bigint | undefined {
  if (nodes.includes(full)) return undefined;
  if (nodes.every((node) => node === undefined)) return value << BigInt(bitsLeft);
  return (
    lowest(below(nodes, 0), value << 1n, bitsLeft - 1) ?? lowest(below(nodes, 1), (value << 1n) | 1n, bitsLeft - 1)
  );
}

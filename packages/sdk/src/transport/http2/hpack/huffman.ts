import { HpackError } from "./error.ts";

/** Bits of the code of each octet, RFC 7541 appendix B. The code is canonical: the lengths say everything. */
// biome-ignore format: a table
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
const endOfString = 256;
const endOfStringBits = 30;

/** A node of the code's tree; a number is a leaf. */
interface Node {
  children: [Node | number | undefined, Node | number | undefined];
  state: number;
  /** Depth below the root if the way here is all ones: such bits may end a string as padding. */
  ones: number | undefined;
}

/**
 * Four bits at a time: `next[state * 16 + nibble]` is the next state, `emits[...]` the octet that was completed, or -1.
 * No code is shorter than five bits, so that four never complete two.
 */
interface Machine {
  readonly next: Int16Array;
  readonly emits: Int16Array;
  /** States in which a string may end. */
  readonly accepts: readonly boolean[];
}

const noState = -1;

function buildMachine(): Machine {
  const nodes: Node[] = [];
  const node = (ones: number | undefined): Node => {
    const made: Node = { children: [undefined, undefined], state: nodes.length, ones };
    nodes.push(made);
    return made;
  };
  const root = node(0);
  const symbols = [...lengths.keys(), endOfString];
  const bitsOf = (symbol: number): number => lengths[symbol] ?? endOfStringBits;
  symbols.sort((a, b) => bitsOf(a) - bitsOf(b) || a - b);
  let code = 0;
  let bits = 0;
  for (const symbol of symbols) {
    code *= 2 ** (bitsOf(symbol) - bits);
    bits = bitsOf(symbol);
    let at = root;
    for (let bit = bits - 1; bit > 0; bit--) {
      const side = (code >> bit) & 1;
      const child = at.children[side];
      if (typeof child === "object") at = child;
      else {
        const made = node(side === 1 && at.ones !== undefined ? at.ones + 1 : undefined);
        at.children[side] = made;
        at = made;
      }
    }
    at.children[code & 1] = symbol;
    code++;
  }
  const next = new Int16Array(nodes.length * 16).fill(noState);
  const emits = new Int16Array(nodes.length * 16).fill(-1);
  for (const start of nodes) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let at: Node | undefined = start;
      for (let bit = 3; bit >= 0 && at; bit--) {
        const child: Node | number | undefined = at.children[(nibble >> bit) & 1];
        if (typeof child === "number") {
          if (child === endOfString) at = undefined;
          else {
            emits[start.state * 16 + nibble] = child;
            at = root;
          }
        } else at = child;
      }
      if (at) next[start.state * 16 + nibble] = at.state;
    }
  }
  return { next, emits, accepts: nodes.map(({ ones }) => ones !== undefined && ones < 8) };
}

let machine: Machine | undefined;

/**
 * Decodes `bytes[from, to)` to latin-1 text.
 * @throws HpackError for a code that does not exist, the end-of-string code, and padding other than up to seven ones
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string {
  machine ??= buildMachine();
  const { next, emits, accepts } = machine;
  const out = Buffer.allocUnsafe(((to - from) * 8) / 5 + 1);
  let length = 0;
  let state = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    for (let nibble = byte >> 4, second = false; ; nibble = byte & 15, second = true) {
      const index = state * 16 + nibble;
      const symbol = emits[index] as number;
      if (symbol >= 0) out[length++] = symbol;
      state = next[index] as number;
      if (state === noState) throw new HpackError("a Huffman code does not exist");
      if (second) break;
    }
  }
  if (!accepts[state]) throw new HpackError("a Huffman string ends within a code");
  return out.toString("latin1", 0, length);
}

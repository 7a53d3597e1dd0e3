import { DynamicTable, defaultTableSize, staticTable } from "./table.ts";

const staticPairs = new Map<string, Map<string, number>>();
for (const [at, [name, value]] of staticTable.entries()) {
  const values = staticPairs.get(name) ?? new Map<string, number>();
  if (!values.has(value)) values.set(value, at + 1);
  staticPairs.set(name, values);
}
const staticNames = new Map<string, number>();
for (const [at, [name]] of staticTable.entries()) if (!staticNames.has(name)) staticNames.set(name, at + 1);

/** Values that hardly ever come again; to remember them would push out those that do. */
const neverAgain: ReadonlySet<string> = new Set(["grpc-timeout", "grpc-message", "path", "content-length"]);
/** Where all encoders write: what they return is copied at once. */
let scratch: Buffer = Buffer.allocUnsafeSlow(4096);

/** Part of the table that one value may take. */
const longestRemembered = 1200;

/**
 * The sending half of HPACK, RFC 7541. Strings are sent plain: the table shortens what repeats, and Huffman coding would
 * cost both sides more time than the bytes are worth on one machine.
 */
export class HpackEncoder {
  readonly #table = new DynamicTable();
  /** Number of the insertion by name and value, for what is in the table now. */
  readonly #known = new Map<string, Map<string, number>>();
  #insertions = 0;
  #at = 0;
  #resizes: number[] = [];

  /** Follows the peer's SETTINGS_HEADER_TABLE_SIZE; never above the default. */
  resize(limit: number): void {
    const wanted = Math.min(limit, defaultTableSize);
    if (wanted === this.#table.limit) return;
    this.#table.resize(wanted, this.#forget);
    this.#resizes.push(wanted);
  }

  /** @returns a view that is valid until any encoder's next call */
  encode(headers: readonly string[]): Uint8Array {
    this.#at = 0;
    this.#announceResize();
    for (let at = 0; at + 1 < headers.length; at += 2) this.#field(headers[at] as string, headers[at + 1] as string);
    return scratch.subarray(0, this.#at);
  }

  #announceResize(): void {
    if (this.#resizes.length === 0) return;
    // The smallest size in between matters to the peer's table too, RFC 7541 section 4.2.
    const smallest = Math.min(...this.#resizes);
    const last = this.#resizes.at(-1) as number;
    this.#resizes = [];
    this.#reserve(12);
    if (smallest < last) this.#integer(0x20, 5, smallest);
    this.#integer(0x20, 5, last);
  }

  #field(name: string, value: string): void {
    this.#reserve(name.length + value.length + 16);
    const fixed = staticPairs.get(name)?.get(value);
    if (fixed !== undefined) {
      this.#integer(0x80, 7, fixed);
      return;
    }
    const insertion = this.#known.get(name)?.get(value);
    if (insertion !== undefined) {
      this.#integer(0x80, 7, staticTable.length + this.#insertions - insertion);
      return;
    }
    const remember = value.length <= longestRemembered && !neverAgain.has(name) && this.#table.limit > 0;
    const nameIndex = this.#nameIndex(name);
    if (remember) this.#integer(0x40, 6, nameIndex);
    else this.#integer(0x00, 4, nameIndex);
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
    if (remember) this.#remember(name, value);
  }

  #nameIndex(name: string): number {
    const fixed = staticNames.get(name);
    if (fixed !== undefined) return fixed;
    const values = this.#known.get(name);
    if (!values) return 0;
    for (const insertion of values.values()) return staticTable.length + this.#insertions - insertion;
    return 0;
  }

  #remember(name: string, value: string): void {
    if (!this.#table.add(name, value, this.#forget)) return;
    let values = this.#known.get(name);
    if (!values) {
      values = new Map();
      this.#known.set(name, values);
    }
    values.set(value, this.#insertions++);
  }

  readonly #forget = (name: string, value: string): void => {
    const values = this.#known.get(name);
    values?.delete(value);
    if (values?.size === 0) this.#known.delete(name);
  };

  #integer(pattern: number, prefixBits: number, value: number): void {
    const mask = 2 ** prefixBits - 1;
    if (value < mask) {
      scratch[this.#at++] = pattern | value;
      return;
    }
    scratch[this.#at++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) scratch[this.#at++] = (rest & 0x7f) | 0x80;
    scratch[this.#at++] = rest;
  }

  #string(text: string): void {
    this.#integer(0x00, 7, text.length);
    this.#at += scratch.write(text, this.#at, "latin1");
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= scratch.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, this.#at + bytes));
    scratch.copy(larger, 0, 0, this.#at);
    scratch = larger;
  }
}

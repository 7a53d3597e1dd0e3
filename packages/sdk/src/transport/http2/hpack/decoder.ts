import { HpackError } from "./error.ts";
import { decodeHuffman } from "./huffman.ts";
import { DynamicTable, defaultTableSize, entrySize, staticTable } from "./table.ts";

/** Header lists above this are dropped (RFC 9113 section 6.5.2 SETTINGS_MAX_HEADER_LIST_SIZE, octets as RFC 7541 counts). */
export const maxHeaderListSize = 64 * 1024;

/** RFC 9110 section 5.6.2 without upper case, RFC 9113 section 8.2.1; a colon only begins a pseudo header. */
const validName = /^:?[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** RFC 9113 section 8.2.1. */
const invalidValue = /[\0\r\n]/;

export interface DecodedHeaders {
  /** Name, value, name, value. */
  readonly list: readonly string[];
  /** The block broke a rule of header fields: the stream is malformed, the connection is not. */
  readonly malformed: boolean;
  /** The list is larger than `maxHeaderListSize`; what is beyond was decoded and dropped. */
  readonly tooLarge: boolean;
}

/** The receiving half of HPACK, RFC 7541. It must see every header block of its connection in order. */
export class HpackDecoder {
  readonly #table = new DynamicTable();
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** @throws HpackError: the connection cannot go on */
  decode(block: Buffer): DecodedHeaders {
    this.#bytes = block;
    this.#at = 0;
    const list: string[] = [];
    let size = 0;
    let malformed = false;
    let tooLarge = false;
    let regular = false;
    while (this.#at < block.length) {
      const first = block[this.#at] as number;
      if ((first & 0xe0) === 0x20) {
        if (list.length > 0) throw new HpackError("a table size update comes after a field");
        this.#resize(this.#integer(5));
        continue;
      }
      let name: string;
      let value: string;
      if (first & 0x80) {
        const index = this.#integer(7);
        name = this.#nameAt(index);
        value = index <= staticTable.length ? (staticTable[index - 1]?.[1] ?? "") : this.#valueAt(index);
      } else {
        const indexed = (first & 0x40) !== 0;
        const index = this.#integer(indexed ? 6 : 4);
        name = index === 0 ? this.#string() : this.#nameAt(index);
        value = this.#string();
        // What is in the table was checked when it got there.
        if (!validName.test(name) || invalidValue.test(value)) malformed = true;
        if (indexed) this.#table.add(name, value);
      }
      if (name.charCodeAt(0) !== 58) regular = true;
      else if (regular) malformed = true;
      size += entrySize(name, value);
      if (size > maxHeaderListSize) tooLarge = true;
      else list.push(name, value);
    }
    return { list, malformed, tooLarge };
  }

  #resize(size: number): void {
    if (size > defaultTableSize) throw new HpackError("the table is made larger than we allow");
    this.#table.resize(size);
  }

  #nameAt(index: number): string {
    const name =
      index <= staticTable.length ? staticTable[index - 1]?.[0] : this.#table.name(index - staticTable.length - 1);
    if (name === undefined) throw new HpackError(`there is no table entry ${index}`);
    return name;
  }

  #valueAt(index: number): string {
    return this.#table.value(index - staticTable.length - 1) ?? "";
  }

  /** RFC 7541 section 5.1; no number here needs more than 28 bits. */
  #integer(prefixBits: number): number {
    const bytes = this.#bytes;
    const mask = 2 ** prefixBits - 1;
    let value = (bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = bytes[this.#at++];
      if (byte === undefined) throw new HpackError("an integer is cut off");
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new HpackError("an integer is too large");
  }

  #string(): string {
    const huffman = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0;
    if (this.#at >= this.#bytes.length) throw new HpackError("a string is missing");
    const length = this.#integer(7);
    const from = this.#at;
    const to = from + length;
    if (to > this.#bytes.length) throw new HpackError("a string is cut off");
    this.#at = to;
    return huffman ? decodeHuffman(this.#bytes, from, to) : this.#bytes.toString("latin1", from, to);
  }
}

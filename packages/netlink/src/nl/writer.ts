/** Writes requests. One writer holds all messages of a batch in one growing buffer. */
import type { LinkRef } from "../api/objects.ts";
import { checkInterfaceName } from "../names/interface-name.ts";
import { invalid } from "../names/invalid.ts";
import { checkIndex } from "../names/numbers.ts";
import { attributeHeaderBytes } from "./attributes.ts";
import { align4, headerBytes } from "./message.ts";

const NLA_F_NESTED = 0x8000;
/** The length field of an attribute has 16 bits. */
const maxAttributeBytes = 0xffff;

/** Four bytes at `offset` that will hold the index of the link `name`, looked up when the message is about to be sent. */
export interface Fixup {
  readonly offset: number;
  readonly name: string;
  /** Namespace to look in, when it is not that of the request. */
  readonly netnsFd?: number;
}

export class MessageWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #start = 0;
  #fixups: Fixup[] = [];

  /** Bytes written so far; where the next message will begin, once `end` was called. */
  get length(): number {
    return this.#length;
  }

  /** All bytes so far, without copying. Writing more may move them. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The fixups since the last call. */
  takeFixups(): Fixup[] {
    const fixups = this.#fixups;
    this.#fixups = [];
    return fixups;
  }

  begin(type: number, flags: number): this {
    this.#start = this.#length;
    this.#reserve(headerBytes);
    this.#view.setUint16(this.#start + 4, type, true);
    this.#view.setUint16(this.#start + 6, flags, true);
    this.#length += headerBytes;
    return this;
  }

  /** Ends the message: length and padding. */
  end(): void {
    this.#view.setUint32(this.#start, this.#length - this.#start, true);
    this.#pad();
  }

  /** Takes back everything from `length` on, after a refused value. */
  truncate(length: number): void {
    this.#bytes.fill(0, length, this.#length);
    this.#length = length;
    this.#fixups = this.#fixups.filter((fixup) => fixup.offset < length);
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#view.setUint8(this.#length, value);
    this.#length += 1;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value, true);
    this.#length += 2;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** A link's index, now or by fixup. */
  link(ref: LinkRef, field: string, netnsFd?: number): this {
    if (typeof ref === "number") return this.u32(checkIndex(ref, field));
    const name = checkInterfaceName(ref, field);
    this.#fixups.push({ offset: this.#length, name, ...(netnsFd === undefined ? {} : { netnsFd }) });
    return this.u32(0);
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  attrU8(type: number, value: number): this {
    return this.#attribute(type, () => this.u8(value));
  }

  attrU16(type: number, value: number): this {
    return this.#attribute(type, () => this.u16(value));
  }

  attrU16be(type: number, value: number): this {
    return this.attrU16(type, ((value & 0xff) << 8) | (value >> 8));
  }

  attrU32(type: number, value: number): this {
    return this.#attribute(type, () => this.u32(value));
  }

  attrLink(type: number, ref: LinkRef, field: string, netnsFd?: number): this {
    return this.#attribute(type, () => this.link(ref, field, netnsFd));
  }

  attrBytes(type: number, bytes: Uint8Array): this {
    return this.#attribute(type, () => this.raw(bytes));
  }

  /** Zero-terminated. */
  attrText(type: number, value: string): this {
    return this.#attribute(type, () => this.raw(Buffer.from(value, "utf8")).u8(0));
  }

  nest(type: number, write: () => void): this {
    return this.#attribute(type | NLA_F_NESTED, write);
  }

  /** As `nest` for the older attributes that the kernel reads without the nested mark. */
  nestPlain(type: number, write: () => void): this {
    return this.#attribute(type, write);
  }

  /** Sets a 16-bit length at `offset` to the bytes written since, as struct rtnexthop needs. */
  patchU16Length(offset: number): void {
    this.#view.setUint16(offset, this.#length - offset, true);
  }

  #attribute(type: number, write: () => void): this {
    const start = this.#length;
    this.u16(0).u16(type);
    write();
    const length = this.#length - start;
    if (length > maxAttributeBytes)
      throw invalid("netlink attribute", `${length} bytes`, "is too long", `at most ${maxAttributeBytes} bytes fit`);
    this.#view.setUint16(start, length, true);
    this.#pad();
    return this;
  }

  #pad(): void {
    const padded = align4(this.#length);
    this.#reserve(padded - this.#length);
    // The buffer is fresh, zero-filled memory.
    this.#length = padded;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

export const attributeBytes = (valueBytes: number): number => attributeHeaderBytes + align4(valueBytes);

/** Attributes: type-length-value with 4-byte alignment (struct nlattr, linux/netlink.h). Reading side. */
import { formatIp } from "../names/ip.ts";
import { formatMac } from "../names/mac.ts";
import { align4, malformed } from "./message.ts";

/** NLA_F_NESTED and NLA_F_NET_BYTEORDER are marks, not part of the type. */
const typeMask = 0x3fff;
export const attributeHeaderBytes = 4;

export type VisitAttribute = (type: number, start: number, end: number) => void;

/**
 * Visits each attribute between two offsets; `start` and `end` enclose its value.
 * Up to 3 bytes of trailing padding are allowed, as in the kernel's nla_ok().
 * @throws CodedError PROTOCOL when a length does not fit
 */
export function forEachAttribute(view: DataView, from: number, to: number, visit: VisitAttribute): void {
  if (to > view.byteLength || from > to)
    throw malformed(`attributes from ${from} to ${to} of ${view.byteLength} bytes`);
  let offset = from;
  while (to - offset >= attributeHeaderBytes) {
    const length = view.getUint16(offset, true);
    if (length < attributeHeaderBytes || length > to - offset)
      throw malformed(`attribute of ${length} bytes with ${to - offset} left`);
    visit(view.getUint16(offset + 2, true) & typeMask, offset + attributeHeaderBytes, offset + length);
    offset += align4(length);
  }
}

const need = (start: number, end: number, bytes: number): void => {
  if (end - start < bytes) throw malformed(`value of ${end - start} bytes where ${bytes} are needed`);
};

export function u8(view: DataView, start: number, end: number): number {
  need(start, end, 1);
  return view.getUint8(start);
}

export function u16(view: DataView, start: number, end: number): number {
  need(start, end, 2);
  return view.getUint16(start, true);
}

/** Big-endian, as ports and EtherTypes are. */
export function u16be(view: DataView, start: number, end: number): number {
  need(start, end, 2);
  return view.getUint16(start, false);
}

export function u32(view: DataView, start: number, end: number): number {
  need(start, end, 4);
  return view.getUint32(start, true);
}

export function i32(view: DataView, start: number, end: number): number {
  need(start, end, 4);
  return view.getInt32(start, true);
}

/** Exact to 2^53, which no packet counter reaches. */
export function u64(view: DataView, start: number, end: number): number {
  need(start, end, 8);
  return view.getUint32(start + 4, true) * 2 ** 32 + view.getUint32(start, true);
}

/** A copy of the value. */
export function bytesOf(view: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, end - start).slice();
}

/** Text up to the first zero byte. */
export function text(view: DataView, start: number, end: number): string {
  let stop = start;
  while (stop < end && view.getUint8(stop) !== 0) stop++;
  return Buffer.from(view.buffer, view.byteOffset + start, stop - start).toString("utf8");
}

/** @throws CodedError PROTOCOL unless it has 4 or 16 bytes */
export function ip(view: DataView, start: number, end: number): string {
  const length = end - start;
  if (length !== 4 && length !== 16) throw malformed(`address of ${length} bytes`);
  return formatIp(new Uint8Array(view.buffer, view.byteOffset + start, length));
}

/** Undefined for link layers without 6-byte addresses. */
export function mac(view: DataView, start: number, end: number): string | undefined {
  return end - start === 6 ? formatMac(new Uint8Array(view.buffer, view.byteOffset + start, 6)) : undefined;
}

export function hasAddressLength(start: number, end: number): boolean {
  return end - start === 4 || end - start === 16;
}

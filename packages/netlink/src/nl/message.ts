/**
 * Framing of netlink messages (linux/netlink.h). Integers are in host order; every host that nsmkit runs on (x64,
 * arm64) is little-endian, which `openNetlink` checks.
 */
import { CodedError } from "@nsmkit/core";

/** sizeof(struct nlmsghdr): length u32, type u16, flags u16, sequence u32, port u32. */
export const headerBytes = 16;
export const headerFlagsOffset = 6;
export const headerSequenceOffset = 8;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** On an NLMSG_ERROR: the request was not echoed / attributes follow. */
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;

export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;

export const align4 = (length: number): number => (length + 3) & ~3;

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** One message inside a buffer. `start` and `end` enclose the payload. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly start: number;
  readonly end: number;
}

export const malformed = (what: string): CodedError =>
  new CodedError("PROTOCOL", `malformed netlink data: ${what}`, { retryable: false });

/** The messages of one buffer. @throws CodedError PROTOCOL when a length does not fit; earlier messages were given */
export function* messagesOf(view: DataView): Generator<Message, void, undefined> {
  let offset = 0;
  while (offset < view.byteLength) {
    const left = view.byteLength - offset;
    if (left < headerBytes) throw malformed(`${left} bytes where a message header should be`);
    const length = view.getUint32(offset, true);
    if (length < headerBytes || length > left) throw malformed(`message of ${length} bytes with ${left} left`);
    yield {
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + headerFlagsOffset, true),
      sequence: view.getUint32(offset + headerSequenceOffset, true),
      port: view.getUint32(offset + 12, true),
      start: offset + headerBytes,
      end: offset + length,
    };
    offset += align4(length);
  }
}

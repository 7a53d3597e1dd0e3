import { ConnectionError, ErrorCode, Flag } from "./frame.ts";
import { type DecodedHeaders, HpackDecoder, maxHeaderListSize } from "./hpack/decoder.ts";

/** A header block that is whole. */
export interface HeaderBlock {
  readonly streamId: number;
  readonly headers: DecodedHeaders;
  readonly end: boolean;
}

/** Puts HEADERS and its CONTINUATIONs together, RFC 9113 section 6.10. */
export class HeaderBlocks {
  readonly #decoder = new HpackDecoder();
  #open: { streamId: number; end: boolean; parts: Buffer[]; bytes: number } | undefined;

  /** True while only CONTINUATION may come. */
  get unfinished(): boolean {
    return this.#open !== undefined;
  }

  /** @returns the block if it is whole already */
  begin(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0");
    const priority = flags & Flag.PRIORITY ? 5 : 0;
    if (payload.length < priority) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS is too short");
    const part = flags & Flag.PADDED ? unpadded(payload, priority) : payload.subarray(priority);
    this.#open = { streamId, end: (flags & Flag.END_STREAM) !== 0, parts: [part], bytes: part.length };
    return flags & Flag.END_HEADERS ? this.#finish() : undefined;
  }

  continue(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    const block = this.#open;
    if (block?.streamId !== streamId) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without a header block");
    }
    block.parts.push(payload);
    block.bytes += payload.length;
    // Compressed it is no longer than the list it stands for, give or take the lengths of strings.
    if (block.bytes > maxHeaderListSize) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too large");
    }
    return flags & Flag.END_HEADERS ? this.#finish() : undefined;
  }

  #finish(): HeaderBlock | undefined {
    const block = this.#open;
    if (!block) return undefined;
    this.#open = undefined;
    const bytes = block.parts.length === 1 ? (block.parts[0] as Buffer) : Buffer.concat(block.parts);
    return { streamId: block.streamId, headers: this.#decoder.decode(bytes), end: block.end };
  }
}

/** What is left of a payload without its padding, RFC 9113 section 6.1. @param skip bytes after the padding's length */
export function unpadded(payload: Buffer, skip: number): Buffer {
  const padding = payload[0] ?? 0;
  const from = 1 + skip;
  if (payload.length < from + padding) {
    throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "padding is longer than its frame");
  }
  return payload.subarray(from, payload.length - padding);
}

import { CodedError } from "@nsmkit/core";

/** Bytes before each message: compressed flag and length, grpc/grpc doc/PROTOCOL-HTTP2.md. */
const prefixBytes = 5;

/** gRPC's usual limit for one received message. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** Puts the length prefix before an encoded message. */
export function frameMessage(encoded: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(prefixBytes + encoded.length);
  framed[0] = 0;
  framed.writeUInt32BE(encoded.length, 1);
  framed.set(encoded, prefixBytes);
  return framed;
}

const nothing = new Uint8Array(0);

/** Cuts a byte stream into messages. It holds no more than one unfinished message. */
export class MessageReader {
  readonly #limit: number;
  readonly #remedy: string | undefined;
  #chunks: Uint8Array[] = [];
  #held = 0;

  /** @param remedy what the sender is told to do about a message above the limit */
  constructor(limit: number = maxMessageBytes, remedy?: string) {
    this.#limit = limit;
    this.#remedy = remedy;
  }

  /** True when the stream may end here: no message was begun and left unfinished. */
  get atBoundary(): boolean {
    return this.#held === 0;
  }

  /**
   * Takes bytes and hands each message that they complete to `deliver`. The bytes may be part of `chunk`.
   * @throws UNSUPPORTED for a compressed message, RESOURCE_EXHAUSTED for one above the limit
   */
  push(chunk: Uint8Array, deliver: (message: Uint8Array) => void): void {
    let rest = chunk;
    if (this.#held > 0) {
      this.#chunks.push(chunk);
      this.#held += chunk.length;
      // Until a message is whole its pieces stay apart: joining them at each piece would cost the square of their number.
      if (this.#held < prefixBytes || this.#held < prefixBytes + this.#heldLength()) return;
      rest = Buffer.concat(this.#chunks, this.#held);
      this.#chunks = [];
      this.#held = 0;
    }
    while (rest.length >= prefixBytes) {
      const end = prefixBytes + this.#lengthOf(rest);
      if (rest.length < end) break;
      deliver(end === prefixBytes ? nothing : rest.subarray(prefixBytes, end));
      rest = rest.subarray(end);
    }
    if (rest.length > 0) {
      this.#chunks = [rest];
      this.#held = rest.length;
    }
  }

  #heldLength(): number {
    const first = this.#chunks[0] as Uint8Array;
    if (first.length < prefixBytes) {
      this.#chunks = [Buffer.concat(this.#chunks, this.#held)];
    }
    return this.#lengthOf(this.#chunks[0] as Uint8Array);
  }

  #lengthOf(bytes: Uint8Array): number {
    if (bytes[0] !== 0) {
      throw new CodedError("UNSUPPORTED", "the peer sent a compressed message; only the identity encoding is accepted");
    }
    const length =
      (bytes[1] as number) * 0x1000000 +
      ((bytes[2] as number) << 16) +
      ((bytes[3] as number) << 8) +
      (bytes[4] as number);
    if (length > this.#limit) {
      const remedy = this.#remedy === undefined ? "" : `; ${this.#remedy}`;
      throw new CodedError(
        "RESOURCE_EXHAUSTED",
        `a message of ${length} bytes is above the limit of ${this.#limit}${remedy}`,
      );
    }
    return length;
  }
}

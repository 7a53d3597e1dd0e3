import { CodedError } from "@nsmkit/core";

/** Before each message: a flag for compression and the length, grpc/grpc doc/PROTOCOL-HTTP2.md. */
const prefixBytes = 5;

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(prefixBytes + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/** Cuts what arrives into messages; holds one unfinished message of at most `maxBytes`. */
export class Deframer {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Bytes that the message begun has with its prefix; unknown before the prefix is there. */
  #wanted: number | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the stream may end here. */
  get complete(): boolean {
    return this.#held === 0;
  }

  /** @throws CodedError RESOURCE_EXHAUSTED for a message above the limit, UNSUPPORTED for a compressed one */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const messages: Buffer[] = [];
    while (this.#held >= prefixBytes) {
      this.#wanted ??= prefixBytes + this.#length();
      if (this.#held < this.#wanted) break;
      const bytes = this.#joined();
      messages.push(bytes.subarray(prefixBytes, this.#wanted));
      const rest = bytes.subarray(this.#wanted);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#held = rest.length;
      this.#wanted = undefined;
    }
    return messages;
  }

  #joined(): Buffer {
    const [only] = this.#chunks;
    return only && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks, this.#held);
  }

  #length(): number {
    const bytes = this.#joined();
    this.#chunks = [bytes];
    if (bytes[0] !== 0)
      throw new CodedError("UNSUPPORTED", "the request is compressed; send it with the identity encoding");
    const length = bytes.readUInt32BE(1);
    if (length > this.#maxBytes)
      throw new CodedError(
        "RESOURCE_EXHAUSTED",
        `the request has ${length} bytes, this server takes ${this.#maxBytes}; raise max-msg-size in grpc.conf or send less`,
      );
    return length;
  }
}

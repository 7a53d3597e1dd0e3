/** RFC 9113 section 6. */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

/** RFC 9113 section 6.5.2. */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** RFC 9113 section 7. */
export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

export const frameHeaderBytes = 9;
/** What we accept and, until it says otherwise, what a peer accepts: section 4.2. */
export const defaultFrameBytes = 16_384;
/** Flow-control window of a stream and of the connection at the beginning, section 6.9.2. */
export const defaultWindowBytes = 65_535;
export const longestWindowBytes = 2 ** 31 - 1;
/** First bytes of a client, section 3.4. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The peer broke a rule that the connection cannot survive; `code` goes into GOAWAY. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const nothing = Buffer.alloc(0);

/** Cuts a byte stream into frames. It holds less than one frame. */
export class FrameReader {
  #held: Buffer = nothing;

  /** @throws ConnectionError for a frame above the size that we accept, and whatever `deliver` throws */
  push(chunk: Uint8Array, deliver: (type: number, flags: number, streamId: number, payload: Buffer) => void): void {
    let bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#held.length > 0) {
      bytes = Buffer.concat([this.#held, bytes]);
      this.#held = nothing;
    }
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const length = bytes.readUIntBE(at, 3);
      if (length > defaultFrameBytes)
        throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `a frame has ${length} bytes`);
      const end = at + frameHeaderBytes + length;
      if (end > bytes.length) break;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      deliver(
        bytes[at + 3] as number,
        bytes[at + 4] as number,
        streamId,
        length === 0 ? nothing : bytes.subarray(at + frameHeaderBytes, end),
      );
      at = end;
    }
    if (at < bytes.length) this.#held = at === 0 ? bytes : bytes.subarray(at);
  }
}

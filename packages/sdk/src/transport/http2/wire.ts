/** Header names and values in turn: name, value, name, value. Pseudo headers come first. */
export type HeaderList = readonly string[];

/** What a gRPC call sees of its HTTP/2 stream. Calls come in order; `onClose` is the last one and comes exactly once. */
export interface StreamEvents {
  /** The first header block, then possibly a second one, the trailers. `end`: the peer sends nothing more. */
  onHeaders(headers: HeaderList, end: boolean): void;
  onData(chunk: Uint8Array): void;
  /** The peer ended its side with data or with nothing, not with trailers. */
  onEnd(): void;
  /** More may be sent after `sendData` returned false. */
  onDrain(): void;
  /** @param reset HTTP/2 error code of an abrupt end, -1 when the connection broke; undefined when both sides ended in order */
  onClose(reset: number | undefined, cause?: unknown): void;
}

/** One HTTP/2 stream, reduced to what gRPC uses of it. Nothing here throws on a stream that is already closed. */
export interface WireStream {
  /** A server calls it once or twice (response, trailers); a client's headers were sent by `open`. */
  sendHeaders(headers: HeaderList, end: boolean): void;
  /** @returns false when the caller should wait for `onDrain` before sending more */
  sendData(chunk: Uint8Array, end: boolean): boolean;
  /** Stops the peer by flow control. */
  pause(): void;
  resume(): void;
  reset(http2Code: number): void;
}

/** A client's side of one HTTP/2 connection. */
export interface WireClient {
  /** @throws when the connection takes no more streams: nothing was sent, another connection may be tried */
  open(headers: HeaderList, end: boolean, events: StreamEvents): WireStream;
  readonly openStreams: number;
  /** The server takes no more streams beside the open ones. */
  readonly full: boolean;
  /** Refuses new streams and ends when the open ones have ended. */
  drain(): void;
  destroy(): void;
}

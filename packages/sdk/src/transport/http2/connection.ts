import type { BytePipe, PipeEvents } from "../pipe.ts";
import type { HeaderList } from "../wire/stream.ts";
import {
  ConnectionError,
  defaultFrameBytes,
  defaultWindowBytes,
  ErrorCode,
  Flag,
  FrameReader,
  FrameType,
  frameHeaderBytes,
  longestWindowBytes,
  Setting,
} from "./frame.ts";
import { type DecodedHeaders, HpackDecoder, maxHeaderListSize } from "./hpack/decoder.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import { HpackError } from "./hpack/error.ts";
import type { Http2Stream, StreamHost } from "./stream.ts";
import { FrameWriter } from "./writer.ts";

/** Window of the whole connection. Single streams are what holds a sender back: a slow one must not stop the others. */
const connectionWindowBytes = 4 * 1024 * 1024;
/** Frames in a row that only cost us work, RFC 9113 section 10.5: beyond it the peer is not well-meaning. */
const emptyFramesAllowed = 32_768;
/** Answers that may wait for a peer that asks but does not read. */
const unreadAnswerBytes = 1024 * 1024;

/** How long a peer may take to close its side of a connection that is finished, ms. */
const lingerMs = 1000;

const nothing = new Uint8Array(0);

/** What client and server connections have in common: frames, settings, windows, header blocks. */
export abstract class Http2Connection implements StreamHost, PipeEvents {
  abstract readonly side: "client" | "server";
  readonly writer: FrameWriter;
  sendWindow = defaultWindowBytes;
  maxFrameBytes = defaultFrameBytes;
  protected readonly streams = new Map<number, Http2Stream>();
  protected peerInitialWindow = defaultWindowBytes;
  protected peerMaxStreams = Number.POSITIVE_INFINITY;
  /** Highest stream id of the client seen or used. */
  protected lastStreamId = 0;
  protected settingsSeen = false;
  protected ended = false;
  readonly #pipe: BytePipe;
  readonly #reader = new FrameReader();
  readonly #decoder = new HpackDecoder();
  readonly #encoder = new HpackEncoder();
  readonly #parked = new Set<Http2Stream>();
  #unacknowledged = 0;
  #receiveWindow = connectionWindowBytes;
  #emptyFrames = 0;
  #answerBytes = 0;
  #block: { streamId: number; end: boolean; parts: Buffer[]; bytes: number } | undefined;
  #cause: unknown;

  constructor(pipe: BytePipe) {
    this.#pipe = pipe;
    this.writer = new FrameWriter(pipe);
  }

  protected abstract onHeaderBlock(streamId: number, headers: DecodedHeaders, end: boolean): void;
  protected abstract onSettled(): void;
  protected abstract onGoaway(lastStreamId: number, code: number): void;
  protected abstract onGone(cause: unknown): void;
  protected onPong(): void {}
  /** A stream ended; nothing of it is left. */
  protected onStreamGone(): void {}

  /** Sends our settings and starts to read. */
  protected begin(settings: readonly (readonly [number, number])[]): void {
    const payload = Buffer.allocUnsafe(settings.length * 6);
    for (const [at, [name, value]] of settings.entries()) {
      payload.writeUInt16BE(name, at * 6);
      payload.writeUInt32BE(value, at * 6 + 2);
    }
    this.writer.frame(FrameType.SETTINGS, 0, 0, payload);
    this.writer.numberFrame(FrameType.WINDOW_UPDATE, 0, 0, connectionWindowBytes - defaultWindowBytes);
    this.#pipe.start(this);
  }

  onBytes(bytes: Uint8Array): void {
    if (this.ended) return;
    try {
      this.receive(bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  protected receive(bytes: Uint8Array): void {
    this.#reader.push(bytes, this.#onFrame);
  }

  onEnd(): void {
    // Nobody half-closes a connection of HTTP/2 and means to go on.
    this.destroy();
  }

  onDrain(): void {
    this.writer.blocked = false;
    this.#answerBytes = 0;
    this.#flushParked();
  }

  onClose(error: unknown): void {
    this.ended = true;
    this.#cause ??= error;
    const cause = this.#cause;
    for (const stream of [...this.streams.values()]) stream.close(-1, cause);
    this.onGone(cause);
  }

  /** Tells the peer what it did wrong and closes. */
  protected fail(error: unknown): void {
    if (this.ended) return;
    this.#cause = error;
    const code =
      error instanceof ConnectionError
        ? error.code
        : error instanceof HpackError
          ? ErrorCode.COMPRESSION_ERROR
          : ErrorCode.INTERNAL_ERROR;
    this.sendGoaway(this.side === "server" ? this.lastStreamId : 0, code);
    this.writer.flush();
    this.destroy(error);
  }

  destroy(error?: unknown): void {
    this.ended = true;
    this.#cause ??= error;
    this.#pipe.destroy(error);
  }

  /** Sends what is left and closes as soon as the peer does, or soon. */
  protected finish(): void {
    if (this.ended) return;
    this.ended = true;
    this.writer.end();
    setTimeout(() => this.destroy(), lingerMs).unref();
  }

  protected sendGoaway(lastStreamId: number, code: number): void {
    const payload = Buffer.allocUnsafe(8);
    payload.writeUInt32BE(lastStreamId, 0);
    payload.writeUInt32BE(code, 4);
    this.writer.frame(FrameType.GOAWAY, 0, 0, payload);
  }

  protected sendPing(): void {
    this.writer.frame(FrameType.PING, 0, 0, new Uint8Array(8));
  }

  sendHeaderBlock(streamId: number, headers: HeaderList, end: boolean): void {
    const block = this.#encoder.encode(headers);
    const flags = end ? Flag.END_STREAM : 0;
    if (block.length <= this.maxFrameBytes) {
      this.writer.frame(FrameType.HEADERS, flags | Flag.END_HEADERS, streamId, block);
      return;
    }
    this.writer.frame(FrameType.HEADERS, flags, streamId, block.subarray(0, this.maxFrameBytes));
    for (let at = this.maxFrameBytes; at < block.length; at += this.maxFrameBytes) {
      const part = block.subarray(at, at + this.maxFrameBytes);
      const last = at + part.length === block.length;
      this.writer.frame(FrameType.CONTINUATION, last ? Flag.END_HEADERS : 0, streamId, part);
    }
  }

  park(stream: Http2Stream): void {
    this.#parked.add(stream);
  }

  forget(stream: Http2Stream): void {
    this.#parked.delete(stream);
    if (this.streams.delete(stream.id)) this.onStreamGone();
  }

  protected refuse(streamId: number, code: number): void {
    this.writer.numberFrame(FrameType.RST_STREAM, 0, streamId, code);
    this.#answered(frameHeaderBytes + 4);
  }

  #flushParked(): void {
    for (const stream of [...this.#parked]) {
      if (this.writer.blocked || this.sendWindow <= 0) return;
      // Back to the end of the line, so that one long stream does not take every window for itself.
      this.#parked.delete(stream);
      if (!stream.flush()) this.#parked.add(stream);
    }
  }

  readonly #onFrame = (type: number, flags: number, streamId: number, payload: Buffer): void => {
    if (this.ended) return;
    if (this.#block && type !== FrameType.CONTINUATION) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted by another frame");
    }
    if (!this.settingsSeen && type !== FrameType.SETTINGS) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    }
    switch (type) {
      case FrameType.DATA:
        this.#onData(flags, streamId, payload);
        break;
      case FrameType.HEADERS:
        this.#onHeaders(flags, streamId, payload);
        break;
      case FrameType.CONTINUATION:
        this.#onContinuation(flags, streamId, payload);
        break;
      case FrameType.RST_STREAM:
        this.#onReset(streamId, payload);
        break;
      case FrameType.SETTINGS:
        this.#onSettings(flags, streamId, payload);
        break;
      case FrameType.PING:
        this.#onPing(flags, streamId, payload);
        break;
      case FrameType.GOAWAY:
        expectSize(payload.length >= 8 && streamId === 0, "GOAWAY");
        this.onGoaway(payload.readUInt32BE(0) & 0x7fffffff, payload.readUInt32BE(4));
        break;
      case FrameType.WINDOW_UPDATE:
        this.#onWindowUpdate(streamId, payload);
        break;
      case FrameType.PUSH_PROMISE:
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "nobody may push here");
      default:
        // PRIORITY says nothing any more, and unknown types are to be ignored: RFC 9113 sections 5.3 and 5.5.
        this.#countEmpty();
    }
  };

  #onData(flags: number, streamId: number, payload: Buffer): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "DATA on stream 0");
    this.#receiveWindow -= payload.length;
    if (this.#receiveWindow < 0)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is overrun");
    this.#unacknowledged += payload.length;
    if (this.#unacknowledged * 2 >= connectionWindowBytes) {
      this.writer.numberFrame(FrameType.WINDOW_UPDATE, 0, 0, this.#unacknowledged);
      this.#receiveWindow += this.#unacknowledged;
      this.#unacknowledged = 0;
    }
    const end = (flags & Flag.END_STREAM) !== 0;
    if (payload.length === 0 && !end) this.#countEmpty();
    else this.#emptyFrames = 0;
    const stream = this.streams.get(streamId);
    if (!stream) {
      this.#expectKnown(streamId, "DATA");
      return;
    }
    if (stream.remoteEnded) {
      stream.reset(ErrorCode.STREAM_CLOSED);
      return;
    }
    const bytes = flags & Flag.PADDED ? unpadded(payload, 0) : payload;
    if (!stream.takeData(bytes, payload.length, end)) stream.reset(ErrorCode.FLOW_CONTROL_ERROR);
  }

  #onHeaders(flags: number, streamId: number, payload: Buffer): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0");
    const priority = flags & Flag.PRIORITY ? 5 : 0;
    const part = flags & Flag.PADDED ? unpadded(payload, priority) : payload.subarray(priority);
    if (payload.length < priority) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS is too short");
    this.#block = { streamId, end: (flags & Flag.END_STREAM) !== 0, parts: [part], bytes: part.length };
    if (flags & Flag.END_HEADERS) this.#endBlock();
  }

  #onContinuation(flags: number, streamId: number, payload: Buffer): void {
    const block = this.#block;
    if (block?.streamId !== streamId) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without a header block");
    }
    block.parts.push(payload);
    block.bytes += payload.length;
    if (payload.length === 0) this.#countEmpty();
    // Compressed it is no longer than the list it stands for, give or take the lengths of strings.
    if (block.bytes > maxHeaderListSize)
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too large");
    if (flags & Flag.END_HEADERS) this.#endBlock();
  }

  #endBlock(): void {
    const block = this.#block;
    if (!block) return;
    this.#block = undefined;
    this.#emptyFrames = 0;
    const bytes = block.parts.length === 1 ? (block.parts[0] as Buffer) : Buffer.concat(block.parts);
    // Also for a stream that is gone: the table is the connection's.
    this.onHeaderBlock(block.streamId, this.#decoder.decode(bytes), block.end);
  }

  #onReset(streamId: number, payload: Buffer): void {
    expectSize(payload.length === 4 && streamId !== 0, "RST_STREAM");
    const stream = this.streams.get(streamId);
    if (stream) stream.close(payload.readUInt32BE(0));
    else this.#expectKnown(streamId, "RST_STREAM");
  }

  #onSettings(flags: number, streamId: number, payload: Buffer): void {
    expectSize(streamId === 0 && payload.length % 6 === 0, "SETTINGS");
    if (flags & Flag.ACK) {
      expectSize(payload.length === 0, "SETTINGS acknowledgement");
      return;
    }
    for (let at = 0; at < payload.length; at += 6) this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.writer.frame(FrameType.SETTINGS, Flag.ACK, 0, nothing);
    this.#answered(frameHeaderBytes);
    if (this.settingsSeen) return;
    this.settingsSeen = true;
    this.onSettled();
  }

  #set(name: number, value: number): void {
    if (name === Setting.HEADER_TABLE_SIZE) this.#encoder.resize(value);
    else if (name === Setting.MAX_CONCURRENT_STREAMS) this.peerMaxStreams = value;
    else if (name === Setting.MAX_FRAME_SIZE) {
      if (value < defaultFrameBytes || value > 0xffffff) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `frames of ${value} bytes are not possible`);
      }
      // Larger frames would only make other streams wait longer.
      this.maxFrameBytes = defaultFrameBytes;
    } else if (name === Setting.INITIAL_WINDOW_SIZE) {
      if (value > longestWindowBytes)
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the window is too large");
      const delta = value - this.peerInitialWindow;
      this.peerInitialWindow = value;
      for (const stream of [...this.streams.values()]) {
        if (!stream.widen(delta)) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large");
      }
    }
  }

  #onPing(flags: number, streamId: number, payload: Buffer): void {
    expectSize(payload.length === 8 && streamId === 0, "PING");
    if (flags & Flag.ACK) {
      this.onPong();
      return;
    }
    this.writer.frame(FrameType.PING, Flag.ACK, 0, payload);
    this.#answered(frameHeaderBytes + 8);
  }

  #onWindowUpdate(streamId: number, payload: Buffer): void {
    expectSize(payload.length === 4, "WINDOW_UPDATE");
    const bytes = payload.readUInt32BE(0) & 0x7fffffff;
    if (streamId === 0) {
      if (bytes === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a window grows by nothing");
      this.sendWindow += bytes;
      if (this.sendWindow > longestWindowBytes) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is too large");
      }
      this.#flushParked();
      return;
    }
    const stream = this.streams.get(streamId);
    if (!stream) this.#expectKnown(streamId, "WINDOW_UPDATE");
    else if (bytes === 0) stream.reset(ErrorCode.PROTOCOL_ERROR);
    else if (!stream.widen(bytes)) stream.reset(ErrorCode.FLOW_CONTROL_ERROR);
  }

  /** Frames may still come for a stream that is over, but not for one that never was. */
  #expectKnown(streamId: number, what: string): void {
    if (streamId > this.lastStreamId || streamId % 2 === 0) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `${what} on stream ${streamId}, which was never opened`);
    }
    this.#countEmpty();
  }

  #countEmpty(): void {
    this.#emptyFrames++;
    if (this.#emptyFrames <= emptyFramesAllowed) return;
    throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many frames without effect");
  }

  /** Answers to control frames are never held back, so that a peer that does not read must not get any number of them. */
  #answered(bytes: number): void {
    if (!this.writer.blocked) return;
    this.#answerBytes += bytes;
    if (this.#answerBytes > unreadAnswerBytes) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "the peer asks and does not read the answers");
    }
  }
}

function unpadded(payload: Buffer, skip: number): Buffer {
  const padding = payload[0] ?? 0;
  const from = 1 + skip;
  if (payload.length < from + padding)
    throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "padding is longer than its frame");
  return payload.subarray(from, payload.length - padding);
}

function expectSize(right: boolean, what: string): void {
  if (!right) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `${what} is malformed`);
}

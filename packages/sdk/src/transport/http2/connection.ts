import type { BytePipe, PipeEvents } from "../pipe.ts";
import { AbuseGuard } from "./abuse.ts";
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
import { type HeaderBlock, HeaderBlocks, unpadded } from "./headerblock.ts";
import type { DecodedHeaders } from "./hpack/decoder.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import { HpackError } from "./hpack/error.ts";
import type { Http2Stream, StreamHost } from "./stream.ts";
import { ReceiveWindow } from "./window.ts";
import type { HeaderList } from "./wire.ts";
import { FrameWriter } from "./writer.ts";

/** Window of the whole connection. Single streams are what holds a sender back: a slow one must not stop the others. */
const connectionWindowBytes = 4 * 1024 * 1024;
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
  readonly #blocks = new HeaderBlocks();
  readonly #guard = new AbuseGuard();
  readonly #encoder = new HpackEncoder();
  readonly #parked = new Set<Http2Stream>();
  readonly #receiveWindow = new ReceiveWindow(connectionWindowBytes);
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
    this.#guard.drained();
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
    this.#guard.answered(frameHeaderBytes + 4, this.writer.blocked);
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
    if (this.#blocks.unfinished && type !== FrameType.CONTINUATION) {
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
        this.#takeBlock(this.#blocks.begin(flags, streamId, payload));
        break;
      case FrameType.CONTINUATION:
        this.#takeBlock(this.#blocks.continue(flags, streamId, payload));
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
        this.#guard.idleFrame();
    }
  };

  #onData(flags: number, streamId: number, payload: Buffer): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "DATA on stream 0");
    if (!this.#receiveWindow.take(payload.length)) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is overrun");
    }
    const restored = this.#receiveWindow.restore();
    if (restored > 0) this.writer.numberFrame(FrameType.WINDOW_UPDATE, 0, 0, restored);
    const end = (flags & Flag.END_STREAM) !== 0;
    if (payload.length === 0 && !end) this.#guard.idleFrame();
    else this.#guard.usefulFrame();
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

  #takeBlock(block: HeaderBlock | undefined): void {
    if (!block) {
      this.#guard.idleFrame();
      return;
    }
    this.#guard.usefulFrame();
    this.onHeaderBlock(block.streamId, block.headers, block.end);
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
    this.#guard.answered(frameHeaderBytes, this.writer.blocked);
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
    this.#guard.answered(frameHeaderBytes + 8, this.writer.blocked);
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
    this.#guard.idleFrame();
  }
}

function expectSize(right: boolean, what: string): void {
  if (!right) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `${what} is malformed`);
}

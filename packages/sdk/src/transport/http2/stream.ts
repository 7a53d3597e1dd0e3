import { defaultWindowBytes, ErrorCode, FrameType, longestWindowBytes } from "./frame.ts";
import { ReceiveWindow } from "./window.ts";
import type { HeaderList, StreamEvents, WireStream } from "./wire.ts";
import type { FrameWriter } from "./writer.ts";

/** Unsent data of one stream above which its writer is asked to wait. */
const highWaterBytes = 64 * 1024;

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly side: "client" | "server";
  readonly writer: FrameWriter;
  /** Bytes that the peer lets the connection send. */
  sendWindow: number;
  readonly maxFrameBytes: number;
  sendHeaderBlock(streamId: number, headers: HeaderList, end: boolean): void;
  /** The stream waits for the connection's window or for the pipe. */
  park(stream: Http2Stream): void;
  forget(stream: Http2Stream): void;
}

/** One stream of either side: its two half-closes, its windows, what waits to be sent. */
export class Http2Stream implements WireStream {
  readonly id: number;
  readonly #host: StreamHost;
  readonly #events: StreamEvents;
  #sendWindow: number;
  readonly #receiveWindow = new ReceiveWindow(defaultWindowBytes);
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #after: HeaderList | "end" | undefined;
  #wantsDrain = false;
  #paused = false;
  #localEnded = false;
  #remoteEnded = false;
  #closed = false;

  constructor(id: number, host: StreamHost, events: StreamEvents, sendWindow: number) {
    this.id = id;
    this.#host = host;
    this.#events = events;
    this.#sendWindow = sendWindow;
  }

  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  sendHeaders(headers: HeaderList, end: boolean): void {
    if (this.#closed || this.#localEnded || this.#after !== undefined) return;
    if (this.#queue.length > 0) {
      this.#after = headers;
      return;
    }
    this.#host.sendHeaderBlock(this.id, headers, end);
    if (end) this.#endLocal();
  }

  sendData(chunk: Uint8Array, end: boolean): boolean {
    if (this.#closed || this.#localEnded || this.#after !== undefined) return true;
    if (this.#queue.length === 0) {
      const sent = this.#sendNow(chunk, end);
      if (sent === chunk.length && (sent > 0 || !end)) {
        if (end) this.#endLocal();
        return true;
      }
      if (chunk.length === 0) {
        this.#host.writer.dataFrame(1, this.id, chunk, 0, 0);
        this.#endLocal();
        return true;
      }
      this.#enqueue(sent === 0 ? chunk : chunk.subarray(sent));
    } else this.#enqueue(chunk);
    if (end) this.#after = "end";
    if (this.#queuedBytes > highWaterBytes || this.#host.writer.blocked) this.#wantsDrain = true;
    return !this.#wantsDrain;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#acknowledge();
  }

  reset(code: number): void {
    if (this.#closed) return;
    this.#host.writer.numberFrame(FrameType.RST_STREAM, 0, this.id, code);
    this.close(code);
  }

  /** Ends both directions without a word to the peer. @param reset as in `StreamEvents.onClose` */
  close(reset: number | undefined, cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#host.forget(this);
    if (this.#wantsDrain) this.#events.onDrain();
    this.#events.onClose(reset, cause);
  }

  takeHeaders(headers: HeaderList, end: boolean): void {
    this.#events.onHeaders(headers, end);
    if (end) this.#endRemote();
  }

  /** @param counted payload with its padding, as flow control counts it. @returns false when the peer overran its window */
  takeData(bytes: Uint8Array, counted: number, end: boolean): boolean {
    if (!this.#receiveWindow.take(counted)) return false;
    if (bytes.length > 0) this.#events.onData(bytes);
    if (this.#closed) return true;
    if (end) {
      this.#events.onEnd();
      this.#endRemote();
      return true;
    }
    if (!this.#paused) this.#acknowledge();
    return true;
  }

  /** @returns false when the window would pass its limit */
  widen(bytes: number): boolean {
    this.#sendWindow += bytes;
    if (this.#sendWindow > longestWindowBytes) return false;
    if (this.#queue.length > 0 && !this.flush()) this.#host.park(this);
    return true;
  }

  /** Sends what waited, as far as windows and pipe allow. @returns false when something still waits for the connection */
  flush(): boolean {
    while (this.#queue.length > 0) {
      const head = this.#queue[0] as Uint8Array;
      const last = this.#queue.length === 1 && this.#after === "end";
      const sent = this.#sendNow(head, last);
      this.#queuedBytes -= sent;
      if (sent < head.length) {
        this.#queue[0] = head.subarray(sent);
        return this.#sendWindow <= 0;
      }
      this.#queue.shift();
    }
    const after = this.#after;
    if (after !== undefined) {
      this.#after = undefined;
      if (after !== "end") this.#host.sendHeaderBlock(this.id, after, true);
      this.#endLocal();
      if (this.#closed) return true;
    }
    if (this.#wantsDrain && !this.#host.writer.blocked) {
      this.#wantsDrain = false;
      this.#events.onDrain();
    }
    return !this.#wantsDrain;
  }

  #enqueue(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#host.park(this);
  }

  /** @returns bytes sent; END_STREAM goes with the last of them */
  #sendNow(chunk: Uint8Array, end: boolean): number {
    const host = this.#host;
    let at = 0;
    while (at < chunk.length && !host.writer.blocked) {
      const size = Math.min(chunk.length - at, this.#sendWindow, host.sendWindow, host.maxFrameBytes);
      if (size <= 0) break;
      const last = end && at + size === chunk.length;
      host.writer.dataFrame(last ? 1 : 0, this.id, chunk, at, at + size);
      host.sendWindow -= size;
      this.#sendWindow -= size;
      at += size;
    }
    return at;
  }

  #acknowledge(): void {
    if (this.#closed || this.#remoteEnded) return;
    const bytes = this.#receiveWindow.restore();
    if (bytes > 0) this.#host.writer.numberFrame(FrameType.WINDOW_UPDATE, 0, this.id, bytes);
  }

  #endLocal(): void {
    this.#localEnded = true;
    if (this.#remoteEnded) this.close(undefined);
    else if (this.#host.side === "server") this.#answered();
  }

  #endRemote(): void {
    if (this.#closed) return;
    this.#remoteEnded = true;
    if (this.#localEnded) this.close(undefined);
    else if (this.#host.side === "client") this.#answered();
  }

  /** A gRPC call is over with its answer, whatever of the request is still to come: RFC 9113 section 8.1. */
  #answered(): void {
    this.#host.writer.numberFrame(FrameType.RST_STREAM, 0, this.id, ErrorCode.NO_ERROR);
    this.close(undefined);
  }
}

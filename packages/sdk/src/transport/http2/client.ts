import { CodedError } from "@nsmkit/core";
import type { BytePipe } from "../pipe.ts";
import { Http2Connection } from "./connection.ts";
import { ErrorCode, preface, Setting } from "./frame.ts";
import { type DecodedHeaders, maxHeaderListSize } from "./hpack/decoder.ts";
import { Http2Stream } from "./stream.ts";
import type { HeaderList, StreamEvents, WireClient, WireStream } from "./wire.ts";

/** Stream ids have 31 bits, and a client's are odd. */
const lastPossibleId = 2 ** 31 - 1;

export interface Http2ClientEvents {
  /** The server's settings came: it speaks HTTP/2. */
  onReady(): void;
  /** No new streams here any more. */
  onDraining(): void;
  onClose(cause: unknown): void;
}

/** The client's side of an HTTP/2 connection (RFC 9113), as far as gRPC needs it: no push, no priorities. */
export class Http2Client extends Http2Connection implements WireClient {
  readonly side = "client";
  readonly #events: Http2ClientEvents;
  #nextId = 1;
  #draining = false;

  constructor(pipe: BytePipe, events: Http2ClientEvents) {
    super(pipe);
    this.#events = events;
  }

  start(): void {
    this.writer.raw(preface);
    this.begin([
      [Setting.ENABLE_PUSH, 0],
      [Setting.MAX_HEADER_LIST_SIZE, maxHeaderListSize],
    ]);
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /** True when the server takes no more streams beside the open ones. */
  get full(): boolean {
    return this.streams.size >= this.peerMaxStreams;
  }

  open(headers: HeaderList, end: boolean, events: StreamEvents): WireStream {
    if (this.ended || this.#draining || this.full || this.#nextId > lastPossibleId) {
      throw new ConnectionUsedUp();
    }
    const id = this.#nextId;
    this.#nextId += 2;
    this.lastStreamId = id;
    const stream = new Http2Stream(id, this, events, this.peerInitialWindow);
    this.streams.set(id, stream);
    stream.sendHeaders(headers, end);
    if (this.#nextId > lastPossibleId) this.#retire();
    return stream;
  }

  drain(): void {
    this.#retire();
  }

  protected override onHeaderBlock(streamId: number, headers: DecodedHeaders, end: boolean): void {
    const stream = this.streams.get(streamId);
    if (!stream) return;
    if (headers.malformed) stream.reset(ErrorCode.PROTOCOL_ERROR);
    else if (headers.tooLarge) stream.reset(ErrorCode.ENHANCE_YOUR_CALM);
    else stream.takeHeaders(headers.list, end);
  }

  protected override onSettled(): void {
    this.#events.onReady();
  }

  protected override onGoaway(lastStreamId: number, code: number): void {
    this.#draining = true;
    this.#events.onDraining();
    const cause = new CodedError("UNAVAILABLE", `the server is going away (HTTP/2 code ${code})`);
    for (const stream of [...this.streams.values()]) {
      // The server says that it did not look at these: they may be sent again elsewhere.
      if (stream.id > lastStreamId) stream.close(ErrorCode.REFUSED_STREAM, cause);
    }
    this.onStreamGone();
  }

  protected override onStreamGone(): void {
    if (!this.#draining || this.streams.size > 0 || this.ended) return;
    this.sendGoaway(0, ErrorCode.NO_ERROR);
    this.finish();
  }

  protected override onGone(cause: unknown): void {
    this.#events.onClose(cause);
  }

  #retire(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#events.onDraining();
    this.onStreamGone();
  }
}

/** Nothing was sent: the call can go over another connection. */
export class ConnectionUsedUp extends Error {
  override readonly name = "ConnectionUsedUp";
}

import type { BytePipe } from "../pipe.ts";
import { Http2Connection } from "./connection.ts";
import { ConnectionError, ErrorCode, preface, Setting } from "./frame.ts";
import { type DecodedHeaders, maxHeaderListSize } from "./hpack/decoder.ts";
import { Http2Stream } from "./stream.ts";
import type { HeaderList, StreamEvents, WireStream } from "./wire.ts";

const lastPossibleId = 2 ** 31 - 1;

/** A client that does not acknowledge that we are going away has this long, ms. */
const drainTimeoutMs = 1000;

export interface Http2ServerEvents {
  /** A client opened a stream; it must be taken by `accept` before this returns. `end`: no data follow. */
  onStream(headers: HeaderList, end: boolean, accept: (events: StreamEvents) => WireStream): void;
  onClose(cause: unknown): void;
}

export interface Http2ServerOptions {
  /** Streams of one client at a time; more are refused. */
  readonly maxConcurrentStreams: number;
  /** Time for the client's first bytes, ms. */
  readonly handshakeTimeoutMs: number;
  /** Calls at work now, including those whose stream is gone: a client that opens and resets must not pile up work. */
  readonly running: () => number;
}

/** The server's side of an HTTP/2 connection (RFC 9113), as far as gRPC needs it: no push, no priorities. */
export class Http2Server extends Http2Connection {
  readonly side = "server";
  readonly #events: Http2ServerEvents;
  readonly #options: Http2ServerOptions;
  #prefaceLeft: Buffer = preface;
  #timer: NodeJS.Timeout | undefined;
  /** 1: the client was told that we are going away; 2: it knows the last stream that counts. */
  #draining: 0 | 1 | 2 = 0;

  constructor(pipe: BytePipe, events: Http2ServerEvents, options: Http2ServerOptions) {
    super(pipe);
    this.#events = events;
    this.#options = options;
  }

  start(): void {
    this.#timer = setTimeout(
      () =>
        this.fail(new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, "the client did not begin to speak HTTP/2 in time")),
      this.#options.handshakeTimeoutMs,
    );
    this.#timer.unref();
    this.begin([
      [Setting.MAX_CONCURRENT_STREAMS, this.#options.maxConcurrentStreams],
      [Setting.MAX_HEADER_LIST_SIZE, maxHeaderListSize],
    ]);
  }

  /**
   * Ends the connection in order, RFC 9113 section 6.8: streams that are on their way while we say so are still served, so
   * that no call of a well-meaning client is lost.
   */
  drain(): void {
    if (this.#draining > 0 || this.ended) return;
    this.#draining = 1;
    // A client may have sent calls already of which we have not even read its settings.
    if (this.settingsSeen) this.#announce();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.settingsSeen ? this.onPong() : this.destroy()), drainTimeoutMs);
    this.#timer.unref();
  }

  #announce(): void {
    this.sendGoaway(lastPossibleId, ErrorCode.NO_ERROR);
    this.sendPing();
  }

  protected override receive(bytes: Uint8Array): void {
    let rest = bytes;
    if (this.#prefaceLeft.length > 0) {
      const size = Math.min(rest.length, this.#prefaceLeft.length);
      if (this.#prefaceLeft.compare(rest, 0, size, 0, size) !== 0) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the client does not speak HTTP/2");
      }
      this.#prefaceLeft = this.#prefaceLeft.subarray(size);
      rest = rest.subarray(size);
    }
    if (rest.length > 0) super.receive(rest);
  }

  protected override onHeaderBlock(streamId: number, headers: DecodedHeaders, end: boolean): void {
    const known = this.streams.get(streamId);
    if (known) {
      if (headers.malformed || !end || known.remoteEnded) known.reset(ErrorCode.PROTOCOL_ERROR);
      else known.takeHeaders(headers.list, end);
      return;
    }
    if (streamId % 2 === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a client's stream has an even number");
    // Trailers of a stream that is over.
    if (streamId <= this.lastStreamId) return;
    if (this.#draining === 2) return;
    this.lastStreamId = streamId;
    if (headers.malformed) this.refuse(streamId, ErrorCode.PROTOCOL_ERROR);
    else if (headers.tooLarge) this.refuse(streamId, ErrorCode.ENHANCE_YOUR_CALM);
    else if (Math.max(this.streams.size, this.#options.running()) >= this.#options.maxConcurrentStreams) {
      this.refuse(streamId, ErrorCode.REFUSED_STREAM);
    } else {
      this.#events.onStream(headers.list, end, (events) => {
        const stream = new Http2Stream(streamId, this, events, this.peerInitialWindow);
        this.streams.set(streamId, stream);
        return stream;
      });
      if (end) {
        const stream = this.streams.get(streamId);
        stream?.takeData(Buffer.alloc(0), 0, true);
      }
    }
  }

  protected override onSettled(): void {
    if (this.#draining === 0) clearTimeout(this.#timer);
    else this.#announce();
  }

  protected override onGoaway(): void {
    this.#draining = 2;
    this.onStreamGone();
  }

  /** The client has seen that we are going away: nothing it opens from now on will be looked at. */
  protected override onPong(): void {
    if (this.#draining !== 1 || this.ended) return;
    clearTimeout(this.#timer);
    this.#draining = 2;
    this.sendGoaway(this.lastStreamId, ErrorCode.NO_ERROR);
    this.onStreamGone();
  }

  protected override onStreamGone(): void {
    if (this.#draining === 2 && this.streams.size === 0) this.finish();
  }

  protected override onGone(cause: unknown): void {
    clearTimeout(this.#timer);
    this.#events.onClose(cause);
  }
}

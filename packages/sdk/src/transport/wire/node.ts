import http2 from "node:http2";
import type { Duplex } from "node:stream";
import type { HeaderList, StreamEvents, WireClient, WireStream } from "./stream.ts";

/** The part of node's client and server streams that both have. */
class NodeStream implements WireStream {
  readonly #stream: http2.Http2Stream;
  #responded: boolean;
  #trailers: HeaderList | undefined;
  #failure: unknown;

  constructor(stream: http2.Http2Stream, events: StreamEvents, client: boolean) {
    this.#stream = stream;
    this.#responded = client;
    stream.on("data", (chunk: Uint8Array) => events.onData(chunk));
    stream.on("end", () => events.onEnd());
    stream.on("drain", () => events.onDrain());
    stream.on("trailers", (_headers, _flags, raw: string[]) => events.onHeaders(raw, true));
    stream.on("error", (error) => {
      this.#failure = error;
    });
    stream.on("close", () => {
      const broken = stream.session === undefined || stream.session.destroyed;
      const code = stream.rstCode ?? 0;
      if (code !== 0) events.onClose(broken ? -1 : code, this.#failure);
      else events.onClose(this.#failure === undefined && !stream.aborted ? undefined : -1, this.#failure);
    });
  }

  sendHeaders(headers: HeaderList, end: boolean): void {
    const stream = this.#stream as http2.ServerHttp2Stream;
    if (stream.destroyed || stream.closed) return;
    if (!this.#responded) {
      this.#responded = true;
      const object = toObject(headers);
      if (end) {
        stream.respond(object, { endStream: true });
        return;
      }
      stream.respond(object, { waitForTrailers: true });
      stream.on("wantTrailers", () => {
        if (this.#trailers) stream.sendTrailers(toObject(this.#trailers));
        else stream.close();
      });
      return;
    }
    this.#trailers = headers;
    stream.end();
  }

  sendData(chunk: Uint8Array, end: boolean): boolean {
    if (this.#stream.destroyed || this.#stream.closed || this.#stream.writableEnded) return true;
    if (!end) return this.#stream.write(chunk);
    if (chunk.length > 0) this.#stream.end(chunk);
    else this.#stream.end();
    return true;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  reset(http2Code: number): void {
    if (!this.#stream.closed) this.#stream.close(http2Code);
  }
}

function toObject(headers: HeaderList): http2.OutgoingHttpHeaders {
  const object: Record<string, string | string[]> = {};
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string;
    const value = headers[at + 1] as string;
    const before = object[name];
    if (before === undefined) object[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else object[name] = [before, value];
  }
  return object;
}

/** An HTTP/2 client on a connected byte stream. `onClose` is called once, after the last stream of it was told. */
export function wireClient(
  duplex: Duplex,
  options: { onReady(): void; onDraining(): void; onClose(cause?: unknown): void },
): WireClient {
  const session = http2.connect("http://localhost", { createConnection: () => duplex });
  let failure: unknown;
  let openStreams = 0;
  session.once("remoteSettings", () => options.onReady());
  session.on("error", (error) => {
    failure = error;
  });
  session.on("goaway", () => options.onDraining());
  session.once("close", () => options.onClose(failure));
  return {
    get openStreams() {
      return openStreams;
    },
    open(headers, end, events) {
      const stream = session.request(toObject(headers), { endStream: end });
      openStreams++;
      stream.on("response", (_headers, flags, raw: string[]) =>
        events.onHeaders(raw, (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0),
      );
      stream.once("close", () => {
        openStreams--;
      });
      return new NodeStream(stream, events, true);
    },
    drain: () => session.close(),
    destroy: () => session.destroy(),
  };
}

/** A server's side of one HTTP/2 connection. */
export interface WireServerConnection {
  drain(): void;
  destroy(): void;
}

export function wireServer(
  duplex: Duplex,
  options: {
    onStream(headers: HeaderList, stream: (events: StreamEvents) => WireStream): void;
    onClose(cause?: unknown): void;
  },
): WireServerConnection {
  const session = http2.performServerHandshake(duplex, { settings: { maxConcurrentStreams: 1000 } });
  let failure: unknown;
  session.on("stream", (stream, _headers, _flags, raw: string[]) => {
    options.onStream(raw, (events) => new NodeStream(stream, events, false));
  });
  session.on("error", (error) => {
    failure = error;
  });
  session.once("close", () => options.onClose(failure));
  return { drain: () => session.close(), destroy: () => session.destroy() };
}

import { type Logger, silentLogger } from "@nsmkit/core";
import type { ListenOptions, Peer } from "../api.ts";
import { Http2Server } from "../http2/server.ts";
import type { HeaderList, StreamEvents, WireStream } from "../http2/wire.ts";
import { MessageReader } from "../message.ts";
import { headerOf } from "../metadata.ts";
import type { BytePipe } from "../pipe.ts";
import { GrpcStatus } from "../status.ts";
import { IncomingCall, refuse } from "./call.ts";
import { ObservedCall } from "./observe.ts";
import type { BoundMethod } from "./service.ts";

/** A forwarder watches each of its connections over one channel: thousands of streams are usual, millions are an attack. */
const usualConcurrentStreams = 50_000;
export const usualHandshakeTimeoutMs = 10_000;

const ignored: StreamEvents = { onHeaders() {}, onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

/** One client's connection: its running calls. */
export class ServerConnection {
  readonly #peer: Peer;
  readonly #methods: ReadonlyMap<string, BoundMethod>;
  readonly #logger: Logger;
  readonly #options: ListenOptions;
  readonly #calls = new Set<IncomingCall>();
  readonly #running = new Set<Promise<void>>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #wire: Http2Server;

  constructor(
    pipe: BytePipe,
    context: { peer: Peer; methods: ReadonlyMap<string, BoundMethod>; options: ListenOptions },
  ) {
    this.#peer = context.peer;
    this.#methods = context.methods;
    this.#options = context.options;
    this.#logger = context.options.logger ?? silentLogger;
    const { maxConcurrentStreams = usualConcurrentStreams, handshakeTimeoutMs = usualHandshakeTimeoutMs } =
      context.options;
    this.#wire = new Http2Server(
      pipe,
      {
        onStream: (headers, _end, accept) => this.#accept(headers, accept),
        onClose: (cause) => {
          this.#logger.debug("connection closed", { peer: this.#peer.address, error: cause });
          this.#closed.resolve();
        },
      },
      { maxConcurrentStreams, handshakeTimeoutMs, running: () => this.#running.size },
    );
  }

  start(): void {
    this.#wire.start();
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  #accept(headers: HeaderList, open: (events: StreamEvents) => WireStream): void {
    if (!isGrpc(headers)) {
      // What a server has to answer to who speaks HTTP/2 but not gRPC, PROTOCOL-HTTP2.md.
      open(ignored).sendHeaders([":status", "415"], true);
      return;
    }
    const path = headerOf(headers, ":path") ?? "";
    const method = this.#methods.get(path);
    if (!method) {
      refuse(open(ignored), GrpcStatus.UNIMPLEMENTED, `this server has no method ${path.slice(0, 200)}`);
      return;
    }
    const encoding = headerOf(headers, "grpc-encoding");
    if (encoding !== undefined && encoding !== "identity") {
      const message = `message encoding ${encoding.slice(0, 40)} is not supported; send requests uncompressed`;
      refuse(open(ignored), GrpcStatus.UNIMPLEMENTED, message, ["grpc-accept-encoding", "identity"]);
      return;
    }
    const { observer, maxMessageBytes, maxMessageRemedy } = this.#options;
    const observed = observer && new ObservedCall(observer, method.desc);
    observed?.started();
    const call = new IncomingCall(method, headers, {
      peer: this.#peer,
      logger: this.#logger,
      reader: new MessageReader(maxMessageBytes, maxMessageRemedy),
      observed,
      onDone: (done) => this.#calls.delete(done),
    });
    this.#calls.add(call);
    call.attach(open(call));
    const running = call.run();
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }

  /** Lets unary calls finish, ends streams, then closes the connection. */
  async close(): Promise<void> {
    this.#wire.drain();
    for (const call of this.#calls) if (call.method.kind !== "unary") call.cancel("closing");
    await this.closed;
    await Promise.all(this.#running);
  }

  destroy(): Promise<void> {
    for (const call of this.#calls) call.cancel("closing");
    // Who reads shall know why its calls ended.
    this.#wire.writer.flush();
    this.#wire.destroy();
    return this.closed;
  }
}

function isGrpc(headers: HeaderList): boolean {
  const contentType = headerOf(headers, "content-type");
  return headerOf(headers, ":method") === "POST" && contentType?.startsWith("application/grpc") === true;
}

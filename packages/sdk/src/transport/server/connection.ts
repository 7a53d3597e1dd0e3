import type { Duplex } from "node:stream";
import type { Logger } from "@nsmkit/core";
import type { Peer } from "../api.ts";
import { headerOf } from "../metadata.ts";
import { GrpcStatus } from "../status.ts";
import { type WireServerConnection, wireServer } from "../wire/node.ts";
import type { HeaderList, StreamEvents, WireStream } from "../wire/stream.ts";
import { IncomingCall, refuse } from "./call.ts";
import type { BoundMethod } from "./service.ts";

const ignored: StreamEvents = { onHeaders() {}, onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

/** One client's connection: its running calls. */
export class ServerConnection {
  readonly #peer: Peer;
  readonly #methods: ReadonlyMap<string, BoundMethod>;
  readonly #logger: Logger;
  readonly #calls = new Set<IncomingCall>();
  readonly #running = new Set<Promise<void>>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #wire: WireServerConnection;

  constructor(duplex: Duplex, context: { peer: Peer; methods: ReadonlyMap<string, BoundMethod>; logger: Logger }) {
    this.#peer = context.peer;
    this.#methods = context.methods;
    this.#logger = context.logger;
    this.#wire = wireServer(duplex, {
      onStream: (headers, stream) => this.#accept(headers, stream),
      onClose: (cause) => {
        this.#logger.debug("connection closed", { peer: this.#peer.address, error: cause });
        for (const call of this.#calls) call.cancel("left");
        this.#closed.resolve();
      },
    });
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  #accept(headers: HeaderList, open: (events: StreamEvents) => WireStream): void {
    const path = headerOf(headers, ":path") ?? "";
    const method = this.#methods.get(path);
    if (!method) {
      refuse(open(ignored), GrpcStatus.UNIMPLEMENTED, `this server has no method ${path.slice(0, 200)}`);
      return;
    }
    const encoding = headerOf(headers, "grpc-encoding");
    if (encoding !== undefined && encoding !== "identity") {
      refuse(open(ignored), GrpcStatus.UNIMPLEMENTED, `message encoding ${encoding.slice(0, 40)} is not supported`);
      return;
    }
    const call = new IncomingCall(method, headers, {
      peer: this.#peer,
      logger: this.#logger,
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
    this.#wire.destroy();
    return this.closed;
  }
}

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { create, type DescMessage, fromBinary, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { abortable, abortError, CodedError, isCodedError, type Logger } from "@nsmkit/core";
import type { Metadata, Peer, ServerCall } from "@nsmkit/sdk/transport";
import { Deframer, frame } from "./framing.ts";
import { metadataOf, timeoutOf } from "./headers.ts";
import type { BoundMethod } from "./methods.ts";
import { type Outcome, ok, outcomeOf, trailersOf } from "./status.ts";

export interface CallContext {
  readonly method: BoundMethod;
  readonly peer: Peer;
  readonly logger: Logger;
  readonly maxMessageBytes: number;
}

/** Longest timer that Node has, ms. */
const longestTimer = 2 ** 31 - 1;

/** How long a client may go on with a request that is answered, ms. */
const patienceMs = 500;

/** One call: its stream, its signal, its replies and how it ends. */
export class Call implements ServerCall {
  readonly method: BoundMethod;
  readonly peer: Peer;
  readonly metadata: Metadata;
  readonly deadlineMs?: number;
  readonly #context: CallContext;
  readonly #stream: ServerHttp2Stream;
  readonly #controller = new AbortController();
  readonly #headers: Record<string, string> = {};
  readonly #deadline: NodeJS.Timeout | undefined;
  #answered = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, context: CallContext) {
    this.#stream = stream;
    this.#context = context;
    this.method = context.method;
    this.peer = context.peer;
    this.metadata = metadataOf(headers);
    const timeoutMs = timeoutOf(headers["grpc-timeout"]);
    if (timeoutMs === undefined) return;
    this.deadlineMs = Date.now() + timeoutMs;
    if (timeoutMs > longestTimer) return;
    const late = new CodedError("DEADLINE_EXCEEDED", "the client's deadline passed");
    this.#deadline = setTimeout(() => this.cancel(late), timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  setHeader(key: string, value: string): void {
    this.#headers[key] = value;
  }

  /** Ends the call before its handler does. */
  cancel(reason: CodedError): void {
    this.#controller.abort(reason);
    this.#answer(outcomeOf(reason));
  }

  /** Runs the handler until the call is over. Never rejects. */
  async run(): Promise<Outcome> {
    const gone = (): void => this.cancel(new CodedError("ABORTED", "the client went away"));
    this.#stream.once("close", gone);
    this.#stream.on("error", () => {});
    let outcome: Outcome = ok;
    try {
      if (this.method.desc.methodKind === "unary") await this.#unary();
      else await this.#streaming();
    } catch (error) {
      if (!isCodedError(error)) this.#context.logger.error("gRPC call failed", { method: this.#path, error });
      outcome = outcomeOf(error);
    }
    clearTimeout(this.#deadline);
    this.#stream.off("close", gone);
    this.#answer(outcome);
    this.#controller.abort(new CodedError("CLOSED", "the call is over"));
    return outcome;
  }

  get #path(): string {
    return `${this.method.service}/${this.method.desc.name}`;
  }

  async #unary(): Promise<void> {
    const reply = await this.#until(Promise.resolve(this.method.handler(await this.#first(), this)));
    this.#send(reply);
  }

  async #streaming(): Promise<void> {
    const requests = this.method.desc.methodKind === "server_streaming" ? await this.#first() : this.#requests();
    const replies = (this.method.handler(requests, this) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { value, done } = await this.#until(replies.next());
        if (done) return;
        if (!this.#send(value)) await this.#until(new Promise((resolve) => this.#stream.once("drain", resolve)));
      }
    } finally {
      // One that does not look at its signal is left behind.
      void Promise.resolve(replies.return?.()).catch(() => {});
    }
  }

  #until<T>(promise: Promise<T>): Promise<T> {
    return abortable(promise, this.signal, this.#path);
  }

  async #first(): Promise<Message> {
    for await (const request of this.#requests()) return request;
    throw new CodedError("INVALID_ARGUMENT", `${this.#path}: the request has no message`);
  }

  async *#requests(): AsyncGenerator<Message> {
    const deframer = new Deframer(this.#context.maxMessageBytes);
    const chunks = this.#stream.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await this.#until(chunks.next());
      if (done) break;
      for (const bytes of deframer.push(value as Buffer)) yield this.#decode(bytes);
    }
    if (!deframer.complete)
      throw new CodedError("INVALID_ARGUMENT", `${this.#path}: the request ends within a message`);
  }

  #decode(bytes: Uint8Array): Message {
    const { input } = this.method.desc;
    try {
      return fromBinary(input, bytes);
    } catch (cause) {
      throw new CodedError("INVALID_ARGUMENT", `${this.#path}: the request is no ${input.typeName}`, { cause });
    }
  }

  /** @returns whether more may follow at once */
  #send(reply: unknown): boolean {
    const bytes = encode(this.method.desc.output, reply);
    if (this.#answered || this.#stream.destroyed) throw abortError(this.signal, this.#path);
    this.#respond();
    return this.#stream.write(frame(bytes));
  }

  #respond(): void {
    if (this.#stream.headersSent) return;
    this.#stream.respond(
      { ":status": 200, "content-type": "application/grpc", ...this.#headers },
      { waitForTrailers: true },
    );
  }

  #answer(outcome: Outcome): void {
    if (this.#answered || this.#stream.destroyed || this.#stream.closed) return;
    this.#answered = true;
    const trailers = trailersOf(outcome);
    const stream = this.#stream;
    if (stream.headersSent) {
      stream.once("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end();
    } else
      stream.respond(
        { ":status": 200, "content-type": "application/grpc", ...this.#headers, ...trailers },
        { endStream: true },
      );
    stream.resume();
    if (stream.readableEnded) return;
    // A client that goes on sending what nobody needs is told to stop, after it has had time to read the answer.
    const stop = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), patienceMs);
    stop.unref();
    stream.once("close", () => clearTimeout(stop));
  }
}

function encode(schema: DescMessage, reply: unknown): Uint8Array {
  if (isMessage(reply, schema)) return toBinary(schema, reply);
  if (typeof reply !== "object" || reply === null)
    throw new CodedError("INTERNAL", `there is no ${schema.typeName} to answer with`);
  return toBinary(schema, create(schema, { ...reply }));
}

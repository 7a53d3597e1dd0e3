import { create, type DescMessage, fromBinary, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { abortable, CodedError, isCodedError, type Logger } from "@nsmkit/core";
import type { Metadata, Peer, ServerCall } from "../api.ts";
import type { HeaderList, StreamEvents, WireStream } from "../http2/wire.ts";
import { Inbox } from "../inbox.ts";
import { frameMessage, type MessageReader } from "../message.ts";
import { checkMetadata, headerOf, metadataOf, parseTimeout } from "../metadata.ts";
import { encodeMessage, GrpcStatus, statusOf } from "../status.ts";
import type { ObservedCall } from "./observe.ts";
import type { BoundMethod } from "./service.ts";

/** Why `ServerCall.signal` is cancelled. */
const reasons = {
  left: () => new CodedError("ABORTED", "the client cancelled the call or went away"),
  late: () => new CodedError("DEADLINE_EXCEEDED", "the client's deadline passed"),
  closing: () => new CodedError("UNAVAILABLE", "the server is closing"),
};
export type EndReason = keyof typeof reasons;

export interface CallContext {
  readonly peer: Peer;
  readonly logger: Logger;
  readonly reader: MessageReader;
  readonly observed: ObservedCall | undefined;
  readonly onDone: (call: IncomingCall) => void;
}

/** One call at the server: reads requests, runs the handler, sends replies and the status. */
export class IncomingCall implements StreamEvents, ServerCall {
  readonly peer: Peer;
  readonly deadlineMs?: number;
  readonly method: BoundMethod;
  stream: WireStream | undefined;
  readonly #headers: HeaderList;
  readonly #logger: Logger;
  readonly #onDone: (call: IncomingCall) => void;
  readonly #reader: MessageReader;
  readonly #observed: ObservedCall | undefined;
  readonly #inbox: Inbox<Message>;
  readonly #replyHeaders: string[] = [":status", "200", "content-type", "application/grpc"];
  readonly #timer: NodeJS.Timeout | undefined;
  #metadata: Metadata | undefined;
  #controller: AbortController | undefined;
  #cancelled: EndReason | undefined;
  #headersSent = false;
  #answered = false;
  #closed = false;
  #drained: (() => void) | undefined;
  readonly #deliver = (bytes: Uint8Array): void => {
    if (this.#observed) this.#observed.received++;
    this.#inbox.push(this.#decode(bytes));
  };

  constructor(method: BoundMethod, headers: HeaderList, context: CallContext) {
    this.method = method;
    this.#headers = headers;
    this.peer = context.peer;
    this.#logger = context.logger;
    this.#reader = context.reader;
    this.#observed = context.observed;
    this.#onDone = context.onDone;
    this.#inbox = new Inbox(() => {});
    const timeout = headerOf(headers, "grpc-timeout");
    const timeoutMs = timeout === undefined ? undefined : parseTimeout(timeout);
    if (timeoutMs !== undefined) {
      this.deadlineMs = Date.now() + timeoutMs;
      // Beyond what a timer can hold the client's own clock has to do.
      if (timeoutMs < 2 ** 31 - 1) this.#timer = setTimeout(() => this.cancel("late"), timeoutMs);
      this.#timer?.unref();
    }
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.#headers);
    return this.#metadata;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort(reasons[this.#cancelled]());
    }
    return this.#controller.signal;
  }

  setHeader(key: string, value: string): void {
    checkMetadata(key, value);
    if (this.#headersSent) {
      throw new CodedError("FAILED_PRECONDITION", `header ${key} comes too late: the headers were sent`);
    }
    this.#replyHeaders.push(key, value);
  }

  /** Runs the handler; resolves when the call is over, never rejects. */
  async run(): Promise<void> {
    try {
      if (this.method.kind === "unary") await this.#runUnary();
      else await this.#runStreaming();
      this.#answer(0, "");
    } catch (error) {
      if (!isCodedError(error)) this.#logger.error("handler failed", { method: this.method.path, error });
      const { status, message } = statusOf(error);
      this.#answer(status, message);
    }
  }

  async #runUnary(): Promise<void> {
    const first = await this.#inbox.next();
    if (first.done) throw new CodedError("INVALID_ARGUMENT", `${this.method.path}: the request has no message`);
    const reply = await this.method.handler(first.value, this);
    this.#send(reply);
  }

  async #runStreaming(): Promise<void> {
    let requests: unknown = this.#requests();
    if (this.method.kind === "server_streaming") {
      const first = await this.#inbox.next();
      if (first.done) throw new CodedError("INVALID_ARGUMENT", `${this.method.path}: the request has no message`);
      requests = first.value;
    }
    const replies = this.method.handler(requests, this) as AsyncIterable<unknown>;
    const iterator = replies[Symbol.asyncIterator]();
    const cancelled = this.signal;
    try {
      for (;;) {
        const { value, done } = await abortable(iterator.next(), cancelled, this.method.path);
        if (done) return;
        if (this.#send(value)) continue;
        await abortable(this.#untilDrained(), cancelled, this.method.path);
      }
    } catch (error) {
      // A handler that waits without looking at the signal is left behind; when it does look, it ends by itself.
      void Promise.resolve(iterator.return?.()).catch(() => {});
      throw error;
    }
  }

  #requests(): AsyncIterable<Message> {
    return { [Symbol.asyncIterator]: () => this.#inbox };
  }

  /** Ends the call early: the handler sees its signal, the client gets the status at once. */
  cancel(reason: EndReason): void {
    if (this.#answered || this.#cancelled) return;
    this.#cancelled = reason;
    const error = reasons[reason]();
    this.#controller?.abort(error);
    this.#inbox.end(error);
    if (reason !== "left") {
      const { status, message } = statusOf(error);
      this.#answer(status, message);
    }
  }

  onHeaders(): void {} // trailers of a client carry nothing in gRPC

  onData(chunk: Uint8Array): void {
    if (this.#answered) return;
    try {
      this.#reader.push(chunk, this.#deliver);
    } catch (error) {
      this.#inbox.end(error);
      const { status, message } = statusOf(error);
      this.#answer(status, message);
    }
  }

  onEnd(): void {
    if (!this.#reader.atBoundary) {
      this.#inbox.end(new CodedError("INVALID_ARGUMENT", `${this.method.path}: the request ends within a message`));
    } else this.#inbox.end();
  }

  onDrain(): void {
    this.#drained?.();
  }

  onClose(): void {
    this.#closed = true;
    if (!this.#answered) this.cancel("left");
    this.#observed?.ended(GrpcStatus.CANCELLED);
    this.#finish();
  }

  /** Starts to take messages; called once the stream is known. */
  attach(stream: WireStream): void {
    this.stream = stream;
    this.#inbox.attach(stream);
  }

  #send(reply: unknown): boolean {
    if (this.#answered || this.#closed) return true;
    const bytes = encodeReply(this.method.output, reply);
    this.#sendHeaders();
    if (this.#observed) this.#observed.sent++;
    return this.stream?.sendData(frameMessage(bytes), false) ?? true;
  }

  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.stream?.sendHeaders(this.#replyHeaders, false);
  }

  #answer(status: number, message: string): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#observed?.ended(status);
    const trailers = ["grpc-status", String(status)];
    if (message !== "") trailers.push("grpc-message", encodeMessage(message.slice(0, longestMessage)));
    if (this.#headersSent) this.stream?.sendHeaders(trailers, true);
    else {
      this.#headersSent = true;
      this.stream?.sendHeaders([...this.#replyHeaders, ...trailers], true);
    }
    this.#finish();
  }

  #finish(): void {
    clearTimeout(this.#timer);
    this.#drained?.();
    if (this.#answered || this.#closed) this.#onDone(this);
  }

  #untilDrained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  #decode(bytes: Uint8Array): Message {
    try {
      return fromBinary(this.method.input, bytes);
    } catch (cause) {
      throw new CodedError("INVALID_ARGUMENT", `${this.method.path}: the request is no ${this.method.input.typeName}`, {
        cause,
      });
    }
  }
}

/** A status message has to fit into a header block; clients refuse large ones. */
const longestMessage = 4096;

function encodeReply(schema: DescMessage, reply: unknown): Uint8Array {
  if (isMessage(reply, schema)) return toBinary(schema, reply);
  if (typeof reply !== "object" || reply === null) {
    throw new CodedError("INTERNAL", `the handler returned no ${schema.typeName}`);
  }
  return toBinary(schema, create(schema, { ...reply }));
}

/** Refuses a stream that is no call we serve. @param more response headers */
export function refuse(stream: WireStream, status: number, message: string, more: HeaderList = []): void {
  stream.sendHeaders(
    [
      ":status",
      "200",
      "content-type",
      "application/grpc",
      ...more,
      "grpc-status",
      String(status),
      "grpc-message",
      encodeMessage(message),
    ],
    true,
  );
}

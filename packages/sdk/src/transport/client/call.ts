import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { CodedError } from "@nsmkit/core";
import type { Metadata, Peer } from "../api.ts";
import { ErrorCode } from "../http2/frame.ts";
import type { HeaderList, StreamEvents, WireStream } from "../http2/wire.ts";
import { MessageReader } from "../message.ts";
import { emptyMetadata, headerOf, metadataOf } from "../metadata.ts";
import { decodeMessage, errorOfStatus, GrpcStatus, statusOfHttp, statusOfReset } from "../status.ts";

/** How a call ended, once the stream is closed. */
export interface CallOutcome {
  readonly error?: CodedError;
  /** The server surely did not see the call: it may be sent again elsewhere. */
  readonly untouched: boolean;
}

/**
 * The part of a client call that every kind shares: headers, messages, status. Subclasses take the messages.
 * The first of status, cancellation and breakage decides the outcome.
 */
export abstract class ClientCall<O extends DescMessage> implements StreamEvents {
  stream: WireStream | undefined;
  peer: Peer | undefined;
  header: Metadata = emptyMetadata;
  readonly method: string;
  readonly #output: O;
  readonly #reader: MessageReader;
  #headersSeen = false;
  #status: { code: number; message: string } | undefined;
  #failure: CodedError | undefined;
  #deliver = (bytes: Uint8Array): void => this.onMessage(this.#decode(bytes));
  #closed = false;

  constructor(method: string, output: O, maxMessageBytes: number | undefined) {
    this.method = method;
    this.#output = output;
    this.#reader = new MessageReader(maxMessageBytes);
  }

  protected abstract onMessage(message: MessageShape<O>): void;
  protected abstract onOutcome(outcome: CallOutcome): void;
  onDrain(): void {}

  /** True when nothing sent for this call would reach anyone. */
  get over(): boolean {
    return this.#closed || this.#failure !== undefined;
  }

  /** Ends the call for a reason of ours; the server is told by RST_STREAM. */
  cancel(error: CodedError): void {
    if (this.#closed || this.#failure) return;
    this.#failure = error;
    if (this.stream) this.stream.reset(ErrorCode.CANCEL);
    else this.onClose(undefined);
  }

  onHeaders(headers: HeaderList, end: boolean): void {
    if (this.#failure) return;
    const status = headerOf(headers, "grpc-status");
    if (status !== undefined) this.#takeStatus(status, headers);
    if (this.#headersSeen) return;
    this.#headersSeen = true;
    this.header = metadataOf(headers);
    const httpStatus = headerOf(headers, ":status");
    if (status !== undefined) return;
    if (httpStatus !== "200") {
      const code = statusOfHttp(Number(httpStatus));
      this.#fail(errorOfStatus(code, `the peer is no gRPC server: it answered with HTTP status ${httpStatus}`));
    } else if (!headerOf(headers, "content-type")?.startsWith("application/grpc")) {
      this.#fail(errorOfStatus(GrpcStatus.UNKNOWN, "the peer is no gRPC server: its content-type is another"));
    } else if (end) {
      this.#fail(errorOfStatus(GrpcStatus.UNKNOWN, "the peer ended the call without a gRPC status"));
    }
  }

  onData(chunk: Uint8Array): void {
    if (this.#failure) return;
    try {
      this.#reader.push(chunk, this.#deliver);
    } catch (error) {
      this.#fail(
        error instanceof CodedError ? error : new CodedError("PROTOCOL", "undecodable message", { cause: error }),
      );
    }
  }

  onEnd(): void {}

  onClose(reset: number | undefined, cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = this.#failure ?? this.#outcomeOf(reset, cause);
    const untouched = !this.#headersSeen && this.#failure === undefined && reset === ErrorCode.REFUSED_STREAM;
    this.onOutcome(error ? { error, untouched } : { untouched });
  }

  #outcomeOf(reset: number | undefined, cause: unknown): CodedError | undefined {
    if (this.#status) {
      if (this.#status.code === GrpcStatus.OK) {
        if (this.#reader.atBoundary) return undefined;
        return new CodedError("PROTOCOL", `${this.method}: the reply ends within a message`);
      }
      return errorOfStatus(this.#status.code, this.#status.message);
    }
    if (reset === -1) return new CodedError("UNAVAILABLE", `${this.method}: the connection broke`, { cause });
    const code = reset === undefined ? GrpcStatus.UNKNOWN : statusOfReset(reset);
    const how = reset === undefined ? "ended the call without a status" : `reset the call (HTTP/2 code ${reset})`;
    return errorOfStatus(code, `${this.method}: the peer ${how}`);
  }

  #takeStatus(text: string, headers: HeaderList): void {
    const code = /^[0-9]{1,3}$/.test(text) ? Number(text) : GrpcStatus.UNKNOWN;
    this.#status = { code, message: decodeMessage(headerOf(headers, "grpc-message") ?? "") };
  }

  #decode(bytes: Uint8Array): MessageShape<O> {
    try {
      return fromBinary(this.#output, bytes);
    } catch (cause) {
      throw new CodedError("PROTOCOL", `${this.method}: the reply is no ${this.#output.typeName}`, { cause });
    }
  }

  #fail(error: CodedError): void {
    this.#failure ??= error;
    this.stream?.reset(ErrorCode.CANCEL);
  }
}

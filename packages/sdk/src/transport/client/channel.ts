import {
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { abortError, CodedError, isCodedError, messageOf } from "@nsmkit/core";
import type { CallOptions, Channel, Dial, DialOptions, Peer } from "../api.ts";
import { ConnectionUsedUp } from "../http2/client.ts";
import type { WireStream } from "../http2/wire.ts";
import { frameMessage } from "../message.ts";
import { appendMetadata, formatTimeout } from "../metadata.ts";
import { parseTarget } from "../target.ts";
import type { ClientCall } from "./call.ts";
import { type Connection, Connector } from "./connector.ts";
import { StreamingCall } from "./streaming.ts";
import { UnaryCall, type UnaryReply } from "./unary.ts";

const nothing = new Uint8Array(0);

/**
 * Opens a channel; nothing is sent before the first call or `ready`.
 * @throws INVALID_ARGUMENT for a target that is none
 */
export const dial: Dial = (target, options) => new ClientChannel(target, options);

class ClientChannel implements Channel {
  readonly target: string;
  readonly #connector: Connector;
  readonly #authority: string;
  readonly #scheme: string;
  readonly #maxMessageBytes: number | undefined;
  readonly #streams = new Set<ClientCall<DescMessage>>();

  constructor(target: string, options: DialOptions) {
    const parsed = parseTarget(target);
    this.target = target;
    this.#connector = new Connector(parsed, options);
    this.#scheme = options.serverTls || options.identity.tls ? "https" : "http";
    this.#maxMessageBytes = options.maxMessageBytes;
    // grpc-go sends "localhost" for unix sockets too; a server must not care.
    this.#authority = parsed.transport === "unix" ? "localhost" : `${parsed.host || "localhost"}:${parsed.port}`;
  }

  async ready(options: { signal: AbortSignal }): Promise<Peer> {
    return (await this.#connector.acquire(options.signal)).peer;
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: CallOptions = {},
  ): Promise<UnaryReply<O>> {
    return new Promise((resolve, reject) => {
      const path = pathOf(method);
      const body = frameMessage(toBinary(method.input, request));
      let again = true;
      const attempt = (): void => {
        const call = new UnaryCall(path, method.output, this.#maxMessageBytes, (outcome, reply) => {
          disarm();
          if (reply) resolve(reply);
          else if (outcome.untouched && again) {
            again = false;
            attempt();
          } else reject(outcome.error);
        });
        const disarm = arm(call, options);
        this.#launch(call, options, (started) => started.sendData(body, true));
      };
      attempt();
    });
  }

  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
    options: CallOptions = {},
  ): AsyncIterable<MessageShape<O>> {
    const body = frameMessage(toBinary(method.input, request));
    return this.#streaming(method, options, async (call) => {
      call.stream?.sendData(body, true);
    });
  }

  bidiStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    requests: AsyncIterable<MessageShape<I>>,
    options: CallOptions = {},
  ): AsyncIterable<MessageShape<O>> {
    return this.#streaming(method, options, async (call) => {
      for await (const request of requests) {
        if (call.over) return;
        const more = call.stream?.sendData(frameMessage(toBinary(method.input, request)), false);
        if (more === false) await call.drained();
      }
      call.stream?.sendData(nothing, true);
    });
  }

  close(): Promise<void> {
    for (const call of this.#streams) call.cancel(new CodedError("CLOSED", `${call.method}: the channel was closed`));
    return this.#connector.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #streaming<O extends DescMessage>(
    method: DescMethod & { readonly output: O },
    options: CallOptions,
    send: (call: StreamingCall<O>) => Promise<void>,
  ): AsyncIterable<MessageShape<O>> {
    const path = pathOf(method);
    return {
      [Symbol.asyncIterator]: () => {
        const call = new StreamingCall(path, method.output, this.#maxMessageBytes, () => {
          this.#streams.delete(call);
          disarm();
        });
        this.#streams.add(call);
        const disarm = arm(call, options);
        this.#launch(call, options, (stream) => {
          call.inbox.attach(stream);
          send(call).catch((cause: unknown) => {
            const error = isCodedError(cause)
              ? cause
              : new CodedError("ABORTED", `${path}: the requests failed: ${messageOf(cause)}`, { cause });
            call.cancel(error);
          });
        });
        return call.inbox;
      },
    };
  }

  /** Sends the call on the current connection at once, or on the next one as soon as there is one. */
  #launch(call: ClientCall<DescMessage>, options: CallOptions, started: (stream: WireStream) => void): void {
    if (options.signal?.aborted) {
      call.cancel(abortError(options.signal, call.method));
      return;
    }
    const open = (connection: Connection, headers: readonly string[]): void => {
      if (call.over) return;
      call.stream = connection.wire.open(headers, false, call);
      started(call.stream);
    };
    const slowly = async (): Promise<void> => {
      while (!call.over) {
        const connection = await this.#connector.acquire(options.signal);
        const headers = await this.#prepare(call, connection, options);
        try {
          open(connection, headers);
          return;
        } catch (error) {
          if (!(error instanceof ConnectionUsedUp)) throw error;
          this.#connector.retire(connection);
        }
      }
    };
    const fail = (error: unknown): void =>
      call.cancel(isCodedError(error) ? error : new CodedError("INTERNAL", messageOf(error), { cause: error }));
    const current = this.#connector.current;
    if (current && isPrompt(options, current.peer)) {
      try {
        const headers = this.#prepare(call, current, options);
        if (!(headers instanceof Promise)) {
          open(current, headers);
          return;
        }
      } catch (error) {
        if (!(error instanceof ConnectionUsedUp)) {
          fail(error);
          return;
        }
        this.#connector.retire(current);
      }
    }
    slowly().catch(fail);
  }

  /** What depends on the connection: its peer, files, metadata. A promise only if the call brings work that needs one. */
  #prepare(
    call: ClientCall<DescMessage>,
    connection: Connection,
    options: CallOptions,
  ): readonly string[] | Promise<readonly string[]> {
    const { peer } = connection;
    call.peer = peer;
    options.onPeer?.(peer);
    const headers = this.#headers(call.method, options);
    if (!isPrompt(options, peer)) return this.#prepareSlowly(headers, peer, options);
    if (options.metadata && typeof options.metadata !== "function") appendMetadata(headers, options.metadata);
    return headers;
  }

  async #prepareSlowly(headers: string[], peer: Peer, options: CallOptions): Promise<readonly string[]> {
    const metadata = typeof options.metadata === "function" ? await options.metadata(peer) : options.metadata;
    if (metadata) appendMetadata(headers, metadata);
    // Last, so that nothing that can fail comes after files were queued.
    await Promise.all((options.files ?? []).map((path) => peer.files?.send(path)));
    return headers;
  }

  #headers(path: string, options: CallOptions): string[] {
    const headers = [
      ":method",
      "POST",
      ":scheme",
      this.#scheme,
      ":authority",
      this.#authority,
      ":path",
      path,
      "te",
      "trailers",
      "content-type",
      "application/grpc",
      "user-agent",
      "grpc-node-nsmkit",
    ];
    if (options.timeoutMs !== undefined) headers.push("grpc-timeout", formatTimeout(options.timeoutMs));
    return headers;
  }
}

/** True when nothing about the call has to be waited for. */
function isPrompt(options: CallOptions, peer: Peer): boolean {
  return typeof options.metadata !== "function" && !(peer.files && options.files?.length);
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Cancels the call by its signal or its time. @returns takes both off */
function arm(call: ClientCall<DescMessage>, options: CallOptions): () => void {
  const { signal, timeoutMs } = options;
  if (!signal && timeoutMs === undefined) return () => {};
  const onAbort = (): void => call.cancel(abortError(signal as AbortSignal, call.method));
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          call.cancel(new CodedError("DEADLINE_EXCEEDED", `${call.method} took longer than ${timeoutMs} ms`));
        }, timeoutMs);
  signal?.addEventListener("abort", onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
}

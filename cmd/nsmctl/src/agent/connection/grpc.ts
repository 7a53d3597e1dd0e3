import type { DescMessage, DescMethodServerStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { type Closable, CodedError, isCodedError } from "@nsmkit/core";
import { insecureIdentity } from "@nsmkit/sdk/identity";
import { type Channel, dial } from "@nsmkit/sdk/transport";
import type { Dialer } from "../../tunnel.ts";
import { openTunnel } from "../../tunnel.ts";

export interface GrpcOptions {
  readonly dial: Dialer;
  /** What messages call the place: "127.0.0.1:9111". */
  readonly place: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The gRPC interface of an agent. */
export class AgentGrpc implements Closable {
  readonly place: string;
  readonly #channel: Channel;
  readonly #options: GrpcOptions;
  readonly #opened: AsyncDisposableStack;

  private constructor(options: GrpcOptions, channel: Channel, opened: AsyncDisposableStack) {
    this.place = options.place;
    this.#options = options;
    this.#channel = channel;
    this.#opened = opened;
  }

  /** @throws CodedError FAILED_PRECONDITION where nothing serves gRPC, with what to do about it; UNAUTHENTICATED */
  static async open(options: GrpcOptions): Promise<AgentGrpc> {
    const { place, timeoutMs, signal } = options;
    await using opened = new AsyncDisposableStack();
    try {
      // What a channel says of a broken tunnel would not say why it broke.
      (await options.dial({ signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })).destroy();
    } catch (error) {
      if (!isCodedError(error, "UNAVAILABLE")) throw error;
      throw new CodedError("FAILED_PRECONDITION", `no agent serves gRPC: ${error.message}; ${switchOn}`, {
        details: { grpcOff: true },
      });
    }
    const tunnel = opened.use(await openTunnel(options.dial, { signal }));
    const channel = opened.use(dial(`unix://${tunnel.path}`, { identity: insecureIdentity({ name: "nsmctl" }) }));
    return new AgentGrpc({ ...options, place }, channel, opened.move());
  }

  /** @throws CodedError UNSUPPORTED where the agent has no such service, else as the agent says */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
  ): Promise<MessageShape<O>> {
    const { signal, timeoutMs } = this.#options;
    return (await this.#channel.unary(method, request, { signal, timeoutMs })).message;
  }

  /** Ends with the command's signal. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
  ): AsyncIterable<MessageShape<O>> {
    return this.#channel.serverStream(method, request, { signal: this.#options.signal });
  }

  close(): Promise<void> {
    return this.#opened.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Whether the agent has no gRPC server, so that another way must be taken. */
export function isGrpcOff(error: unknown): boolean {
  return isCodedError(error, "FAILED_PRECONDITION") && error.details.grpcOff === true;
}

const switchOn =
  'agents serve it only where they find a grpc.conf: write one with "endpoint: 0.0.0.0:9111" into their CONFIG_DIR (or name it in GRPC_CONFIG) and start them again; --host and --grpc-port say where';

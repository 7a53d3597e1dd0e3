import {
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type Connection,
  MonitorConnection,
  type MonitorScopeSelector,
  NetworkService,
  type NetworkServiceRequest,
} from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { Context } from "../chain/context.ts";
import { MonitorHub } from "../networkservice/common/monitor/hub.ts";
import type { NetworkServiceHandler } from "../networkservice/core/kind.ts";
import type { CallOptions, Channel, Peer } from "../transport/api.ts";
import { fakeCall } from "./elements.ts";

/** A channel to a handler in this process. Messages are encoded and decoded, so that nobody shares them. */
export class FakeChannel implements Channel {
  readonly target: string;
  readonly peer: Peer;
  readonly hub = new MonitorHub();
  /** Options of the calls, in order. */
  readonly calls: CallOptions[] = [];
  /** Streams of events that are open. */
  streams = 0;
  closed = false;
  /** Set: nobody answers. */
  unreachable: Error | undefined;
  readonly #handler: NetworkServiceHandler;
  #breaking = new AbortController();

  constructor(
    handler: NetworkServiceHandler,
    options: { readonly target?: string; readonly peer?: Partial<Peer> } = {},
  ) {
    this.target = options.target ?? "unix:///fake.sock";
    this.peer = { transport: "unix", address: this.target, ...options.peer };
    this.#handler = handler;
  }

  /** Breaks the streams of events that are open. */
  breakStreams(): void {
    const old = this.#breaking;
    this.#breaking = new AbortController();
    old.abort(new CodedError("UNAVAILABLE", "connection lost"));
  }

  async ready(): Promise<Peer> {
    if (this.unreachable) throw this.unreachable;
    return this.peer;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: CallOptions = {},
  ): Promise<{ message: MessageShape<O>; header: Map<string, readonly string[]>; peer: Peer }> {
    this.calls.push(options);
    if (this.unreachable) throw this.unreachable;
    const { signal = new AbortController().signal } = options;
    const metadata = typeof options.metadata === "function" ? await options.metadata(this.peer) : options.metadata;
    const call = { ...fakeCall({ signal, peer: { ...this.peer } }), metadata: metadata ?? new Map() };
    const ctx = new Context({ signal, call });
    const copy: unknown = fromBinary(method.input, toBinary(method.input, request));
    const reply: unknown =
      method.name === NetworkService.method.request.name
        ? await this.#handler.request(ctx, copy as NetworkServiceRequest)
        : ((await this.#handler.close(ctx, copy as Connection)) ?? {});
    const bytes = toBinary(method.output, reply as MessageShape<O>);
    return { message: fromBinary(method.output, bytes), header: new Map(), peer: this.peer };
  }

  async *serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    if (this.unreachable) throw this.unreachable;
    if (method.name !== MonitorConnection.method.monitorConnections.name) throw new Error(`no ${method.name} here`);
    const breaking = this.#breaking.signal;
    const signal = AbortSignal.any([breaking, ...(options.signal ? [options.signal] : [])]);
    this.streams++;
    try {
      const selector: unknown = request;
      for await (const event of this.hub.watch(selector as MonitorScopeSelector, { signal })) {
        const same: unknown = event;
        yield fromBinary(method.output, toBinary(method.output, same as MessageShape<O>));
      }
      if (breaking.aborted) throw breaking.reason;
    } finally {
      this.streams--;
    }
  }

  // biome-ignore lint/correctness/useYield: no test streams in both directions
  async *bidiStream(): AsyncGenerator<never> {
    throw new Error("not faked");
  }

  async close(): Promise<void> {
    this.closed = true;
    this.breakStreams();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A pool over channels that are there already. */
export function fakePool(channels: readonly FakeChannel[]) {
  const leases: string[] = [];
  return {
    /** Targets with a lease that is not released, once per lease. */
    leases,
    acquire(url: string) {
      const channel = channels.find(({ target }) => target === url);
      if (!channel) throw new CodedError("UNAVAILABLE", `nobody listens at ${url}`);
      leases.push(url);
      let released = false;
      const release = (): void => {
        if (!released) leases.splice(leases.indexOf(url), 1);
        released = true;
      };
      return { channel, release };
    },
  };
}

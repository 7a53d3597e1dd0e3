import type { DescMessage, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import {
  abortError,
  backoffDelay,
  type Clock,
  type Closable,
  CodedError,
  closeAll,
  isCodedError,
  mustExist,
} from "@nsmkit/core";
import { type Channel, type DialOptions, dial, type Metadata } from "@nsmkit/sdk/transport";
import type { Endpoint } from "./endpoint.ts";
import { isAnswer, isStaleToken, translate, unknownOutcome } from "./refusal.ts";
import type { Token } from "./token.ts";

/**
 * What may be done with a call that was sent and not answered. `read`: ask another member. `guarded`: the same, but an
 * answer that the condition does not hold is then no answer, for our own first attempt may have made it so. `write`:
 * nothing.
 */
export type CallKind = "read" | "guarded" | "write";

export interface ClusterOptions {
  readonly endpoints: readonly Endpoint[];
  readonly dial: DialOptions;
  readonly token: Token | undefined;
  readonly operationTimeoutMs: number;
  readonly clock: Clock;
}

export interface ClusterCall {
  readonly kind: CallKind;
  /** For errors: "put". */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
}

/** After every member was tried in vain. */
const pause = { initialMs: 20, maxMs: 500 };

/** The members of one etcd cluster, of which one is used until it fails. */
export class Cluster implements Closable {
  readonly #options: ClusterOptions;
  readonly #channels: readonly Channel[];
  readonly #closing = new AbortController();
  #current = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#channels = options.endpoints.map(({ target, tls }) =>
      dial(target, { ...options.dial, ...(tls ? { serverTls: tls } : {}) }),
    );
  }

  /** The channel in use, for streams. */
  get channel(): Channel {
    return mustExist(this.#channels[this.#current], "an endpoint");
  }

  get operationTimeoutMs(): number {
    return this.#options.operationTimeoutMs;
  }

  /** Aborted when the client closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Uses the next member, unless someone else has moved on from this one already. */
  leave(channel: Channel): void {
    if (this.channel === channel) this.#current = (this.#current + 1) % this.#channels.length;
  }

  /** The user's token for a call on this channel. */
  metadata(channel: Channel, options: { signal: AbortSignal; timeoutMs: number }): Metadata | Promise<Metadata> {
    return this.#options.token?.metadata(channel, options) ?? noMetadata;
  }

  /** @returns true when the call should be tried again with a new token */
  refusedToken(text: string): boolean {
    if (!this.#options.token || !isStaleToken(text)) return false;
    this.#options.token.forget();
    return true;
  }

  /** @returns also whether an earlier attempt was sent and never answered */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    call: ClusterCall,
  ): Promise<{ message: MessageShape<O>; doubtful: boolean }> {
    const { clock, operationTimeoutMs } = this.#options;
    const until = clock.monotonic() + operationTimeoutMs;
    const signal = call.signal ? AbortSignal.any([call.signal, this.closing]) : this.closing;
    let doubtful = false;
    let freshToken = false;
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) throw this.#aborted(call, signal, doubtful);
      const channel = this.channel;
      const leftMs = until - clock.monotonic();
      let sent = false;
      try {
        const timeoutMs = Math.ceil(this.#share(call, leftMs));
        const metadata = await this.metadata(channel, { signal, timeoutMs });
        const { message } = await channel.unary(method, request, {
          signal,
          timeoutMs,
          metadata,
          onPeer: () => {
            sent = true;
          },
        });
        return { message, doubtful };
      } catch (error) {
        if (!isCodedError(error)) throw error;
        if (signal.aborted) throw this.#aborted(call, signal, doubtful || (sent && call.kind !== "read"), error);
        if (isAnswer(error) && !freshToken && this.refusedToken(error.message)) {
          freshToken = true;
          continue;
        }
        if (isFinal(error)) throw translate(error);
        this.leave(channel);
        if (sent && call.kind === "write") throw unknownOutcome(call.what, error);
        doubtful ||= sent && call.kind === "guarded";
        const waitMs = attempt % this.#channels.length === 0 ? backoffDelay(attempt / this.#channels.length, pause) : 0;
        if (clock.monotonic() + waitMs >= until)
          throw doubtful ? unknownOutcome(call.what, error) : unreachable(call.what, error);
        if (waitMs > 0) await clock.sleep(waitMs, { signal }).catch(() => {});
      }
    }
  }

  /** Part of the time for one attempt: a member that hangs must leave time for the others. */
  #share(call: ClusterCall, leftMs: number): number {
    if (call.kind === "write" || this.#channels.length === 1) return Math.max(1, leftMs);
    return Math.max(1, Math.min(leftMs, this.#options.operationTimeoutMs / this.#channels.length));
  }

  #aborted(call: ClusterCall, signal: AbortSignal, doubtful: boolean, cause?: CodedError): CodedError {
    const error = abortError(signal, `etcd: ${call.what}`);
    if (!doubtful) return error;
    return unknownOutcome(call.what, new CodedError(error.code, error.message, { cause: cause ?? error }));
  }

  async close(): Promise<void> {
    this.#closing.abort(new CodedError("CLOSED", "the etcd client is closed"));
    await closeAll(this.#channels);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const noMetadata: Metadata = new Map();

/** Whether the answer would be the same anywhere. */
function isFinal(error: CodedError): boolean {
  if (isCodedError(error, "UNAVAILABLE") || isCodedError(error, "DEADLINE_EXCEEDED")) return false;
  // A certificate that is not trusted: another member may have a better one.
  return isAnswer(error) || !isCodedError(error, "UNAUTHENTICATED") || translate(error) !== error;
}

function unreachable(what: string, cause: CodedError): CodedError {
  const code = isCodedError(cause, "UNAUTHENTICATED") ? "UNAUTHENTICATED" : "UNAVAILABLE";
  return new CodedError(code, `etcd: ${what} failed: ${cause.message}`, { cause });
}

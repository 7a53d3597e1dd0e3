import { type Clock, CodedError, type KeyedQueue, type Logger } from "@nsmkit/core";
import type { BeginRules, Begun, EventOptions, Exchange } from "./begun.ts";
import { bounded, closeBelow } from "./bounded.ts";
import { Context } from "./context.ts";
import type { Handler, Kind } from "./element.ts";
import { key, Store } from "./key.ts";

export const begunKey = key<Begun<never>>("begin");

/** What all scopes of one `begin` have in common. */
export interface ScopeHome<K extends Kind> {
  readonly rules: BeginRules<K>;
  readonly scopes: Map<string, Scope<K>>;
  readonly queue: KeyedQueue<string>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly eventTimeoutMs: number;
  readonly stopping: AbortSignal;
}

/** One connection's place in `begin`: its state, its last success, and the events from the middle of the chain. */
export class Scope<K extends Kind> implements Begun<K> {
  readonly id: string;
  readonly store = new Store();
  last: Exchange<K> | undefined;
  readonly #home: ScopeHome<K>;
  readonly #next: Handler<K>;
  /** Cuts a repeated request that is under way. */
  #repeating: AbortController | undefined;

  constructor(id: string, next: Handler<K>, home: ScopeHome<K>) {
    this.id = id;
    this.#next = next;
    this.#home = home;
  }

  get established(): boolean {
    return this.last !== undefined;
  }

  below(ctx: Context): Context {
    return ctx.with(begunKey, this as unknown as Begun<never>);
  }

  request(event: EventOptions & { readonly reselect?: boolean } = {}): Promise<K["reply"] | undefined> {
    const { reselect = false } = event;
    return this.#inTurn(event, "repeating a request", async (ctx, last, cut) => {
      this.#repeating = cut;
      try {
        return await this.#repeat(ctx, last, reselect);
      } finally {
        this.#repeating = undefined;
      }
    });
  }

  async close(event: EventOptions = {}): Promise<void> {
    const { rules } = this.#home;
    await this.#inTurn(event, "closing a connection", (ctx, last) => this.closeNow(ctx, rules.closing(last)));
  }

  /** Someone outside closes: a refresh or heal under way has lost its purpose. */
  interrupt(): void {
    this.#repeating?.abort(new CodedError("ABORTED", `connection "${this.id}" is being closed`));
  }

  /** For whoever has the turn. */
  async closeNow(ctx: Context, closing: K["closing"]): Promise<void> {
    try {
      await this.#next.close(ctx, closing);
    } finally {
      this.end();
    }
  }

  end(): void {
    this.last = undefined;
    if (this.#home.scopes.get(this.id) === this) this.#home.scopes.delete(this.id);
    this.store.end();
  }

  async #repeat(ctx: Context, last: Exchange<K>, reselect: boolean): Promise<K["reply"]> {
    const { rules } = this.#home;
    if (reselect) await closeBelow(ctx, this.#next, rules.closing(last));
    const request = rules.again(last, { reselect });
    const copy = rules.copyRequest(request);
    const reply = await this.#next.request(ctx, request);
    rules.succeeded?.(reply);
    this.last = { request: copy, reply: rules.copyReply(reply), returned: last.returned };
    return reply;
  }

  #inTurn<T>(
    event: EventOptions,
    doing: string,
    work: (ctx: Context, last: Exchange<K>, cut: AbortController) => Promise<T>,
  ): Promise<T | undefined> {
    const { queue, scopes, clock, logger, stopping, eventTimeoutMs } = this.#home;
    return queue.run(this.id, async () => {
      const { last } = this;
      if (!last || scopes.get(this.id) !== this || event.signal?.aborted || stopping.aborted) return undefined;
      const cut = new AbortController();
      const ends = [event.signal, stopping, cut.signal];
      using time = bounded(clock, event.timeoutMs ?? eventTimeoutMs, doing, ends);
      const { signal, deadlineMs } = time;
      const ctx = this.below(new Context({ signal, deadlineMs, clock, logger }));
      return await work(event.prepare?.(ctx) ?? ctx, last, cut);
    });
  }
}

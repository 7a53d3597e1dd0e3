import { type Clock, CodedError, KeyedQueue, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import { bounded, closeBelow } from "./bounded.ts";
import { Context } from "./context.ts";
import type { Element, Handler, Kind } from "./element.ts";
import { key, Store } from "./key.ts";

/** The last request that succeeded and its reply, both private copies. */
export interface Exchange<K extends Kind> {
  readonly request: K["request"];
  readonly reply: K["reply"];
  /** What the caller last saw: a refresh from the middle of the chain changes `reply` alone. */
  readonly returned: K["reply"];
}

/** What `begin` must know of a request kind. */
export interface BeginRules<K extends Kind> {
  /** Id of the connection, or name of the registration; empty is refused. */
  requestId(request: K["request"]): string;
  closingId(closing: K["closing"]): string;
  /** Deep copies of what an event needs; a request's copy is taken before it goes down. */
  copyRequest(request: K["request"]): K["request"];
  copyReply(reply: K["reply"]): K["reply"];
  /** What `close` is given below: made anew from the last success, never from the caller's copy. */
  closing(last: Exchange<K>): K["closing"];
  /** What an event requests, made anew: the last request brought up to date with the last reply. */
  again(last: Exchange<K>, options: { readonly reselect: boolean }): K["request"];
  /** Joins a caller's request for an established connection with what is known; default: the caller's alone. */
  merge?(request: K["request"], last: Exchange<K>): K["request"];
  /** True when the old connection must be closed below before this request is served as a new one. */
  startsOver?(request: K["request"]): boolean;
  /** Last touch on a successful reply. */
  succeeded?(reply: K["reply"]): void;
  /** Close of an unknown id: `ignore` succeeds at once; `pass` sends the caller's message down. Default `ignore`. */
  readonly unknownClose?: "ignore" | "pass";
}

export interface EventOptions {
  /** Cancelled before its turn: the event does not happen. Cancelled later: the calls below are. */
  readonly signal?: AbortSignal;
  /** Bound of the event, ms; default `eventTimeoutMs` of `begin`. */
  readonly timeoutMs?: number;
}

/**
 * What `begin` gives the elements below it, for one connection. Events from the middle of the chain (a timer, a
 * monitor stream) start right below `begin`, in turn with the calls from outside. Do not await one inside `request`
 * or `close` of the same connection: it would wait for itself.
 */
export interface Begun<K extends Kind = Kind> {
  readonly id: string;
  readonly store: Store;
  /** False until the first request has succeeded, and again after close. */
  readonly established: boolean;
  /** The last success; undefined until there is one. */
  readonly last: Exchange<K> | undefined;
  /**
   * Repeats the last request.
   * @param options.reselect closes below first, then asks for anything that fits
   * @returns undefined if the connection is gone
   */
  request(options?: EventOptions & { readonly reselect?: boolean }): Promise<K["reply"] | undefined>;
  /** Closes; nothing if the connection is gone. Its state is gone afterwards even if the calls below failed. */
  close(options?: EventOptions): Promise<void>;
}

export interface BeginOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Bound of an event from the middle of the chain, ms; default 15,000. */
  readonly eventTimeoutMs?: number;
}

/** The `begin` element of a chain, with a window for leak checks. */
export interface Begin<K extends Kind> extends Element<K> {
  /** Connections that have state now. */
  readonly size: number;
}

const begunKey = key<Begun<never>>("begin");

/** The connection that the call in hand belongs to; needs `begin` above. */
export function begun<K extends Kind>(ctx: Context): Begun<K> {
  return ctx.require(begunKey) as unknown as Begun<K>;
}

/**
 * The element every stateful chain begins with, after the id is known and before anything that keeps state or changes
 * the reply. It guarantees to the elements below:
 *
 * - **exclusivity**: one call per id at a time; **order**: calls of an id run in the order they came;
 * - **close correctness**: `close` gets the last reply of the chain, whatever the caller sent;
 * - **state**: a `Store` per id that ends with the connection;
 * - a failed first request leaves nothing; a failed later one leaves the connection established;
 * - a first request whose caller has gone meanwhile is closed again, since nobody else could.
 *
 * A call that comes from below `begin` for the same id (a nested one) runs inline.
 */
export function begin<K extends Kind>(rules: BeginRules<K>, options: BeginOptions = {}): Begin<K> {
  const { clock = systemClock, logger = silentLogger, eventTimeoutMs = 15_000 } = options;
  const scopes = new Map<string, Scope<K>>();
  const queue = new KeyedQueue<string>();
  const stopping = new AbortController();

  class Scope<K2 extends K> implements Begun<K2> {
    readonly id: string;
    readonly store = new Store();
    readonly #next: Handler<K>;
    last: Exchange<K2> | undefined;

    constructor(id: string, next: Handler<K>) {
      this.id = id;
      this.#next = next;
    }

    get established(): boolean {
      return this.last !== undefined;
    }

    request(event: EventOptions & { readonly reselect?: boolean } = {}): Promise<K2["reply"] | undefined> {
      return this.#inTurn(event, "repeating a request", async (ctx, last) => {
        if (event.reselect) await closeBelow(ctx, this.#next, rules.closing(last));
        const again = rules.again(last, { reselect: event.reselect ?? false });
        const copy = rules.copyRequest(again);
        const reply = await this.#next.request(ctx, again);
        rules.succeeded?.(reply);
        this.last = { request: copy, reply: rules.copyReply(reply), returned: last.returned };
        return reply;
      });
    }

    async close(event: EventOptions = {}): Promise<void> {
      await this.#inTurn(event, "closing a connection", (ctx, last) => this.closeNow(ctx, rules.closing(last)));
    }

    /** In turn already. */
    async closeNow(ctx: Context, closing: K["closing"]): Promise<void> {
      try {
        await this.#next.close(ctx, closing);
      } finally {
        this.end();
      }
    }

    end(): void {
      this.last = undefined;
      if (scopes.get(this.id) === this) scopes.delete(this.id);
      this.store.end();
    }

    #inTurn<T>(
      event: EventOptions,
      doing: string,
      work: (ctx: Context, last: Exchange<K>) => Promise<T>,
    ): Promise<T | undefined> {
      return queue.run(
        this.id,
        async () => {
          if (scopes.get(this.id) !== this || !this.last || event.signal?.aborted || stopping.signal.aborted)
            return undefined;
          using time = bounded(clock, event.timeoutMs ?? eventTimeoutMs, doing, [event.signal, stopping.signal]);
          const ctx = new Context({ signal: time.signal, deadlineMs: time.deadlineMs, clock, logger });
          return await work(ctx.with(begunKey, this as unknown as Begun<never>), this.last);
        },
        {},
      );
    }
  }

  const within = (ctx: Context, id: string): boolean => ctx.get(begunKey)?.id === id;

  async function first(scope: Scope<K>, ctx: Context, request: K["request"], next: Handler<K>): Promise<K["reply"]> {
    const reply = await next.request(ctx, request);
    if (!ctx.signal.aborted) return reply;
    const copy = rules.copyReply(reply);
    await closeBelow(ctx, next, rules.closing({ request, reply: copy, returned: copy }));
    throw new CodedError("ABORTED", `nobody waits for connection "${scope.id}" any more`, { cause: ctx.signal.reason });
  }

  async function serve(ctx: Context, id: string, request: K["request"], next: Handler<K>): Promise<K["reply"]> {
    const scope = scopes.get(id) ?? new Scope<K>(id, next);
    scopes.set(id, scope);
    const below = ctx.with(begunKey, scope as unknown as Begun<never>);
    if (scope.last && rules.startsOver?.(request)) {
      await closeBelow(below, next, rules.closing(scope.last));
      scope.last = undefined;
      scope.store.end();
    }
    const asked = scope.last && rules.merge ? rules.merge(request, scope.last) : request;
    const copy = rules.copyRequest(asked);
    try {
      const reply = await (scope.last ? next.request(below, asked) : first(scope, below, asked, next));
      rules.succeeded?.(reply);
      const stored = rules.copyReply(reply);
      scope.last = { request: copy, reply: stored, returned: stored };
      return reply;
    } catch (error) {
      if (!scope.last) scope.end();
      throw error;
    }
  }

  return {
    name: "begin",
    get size() {
      return scopes.size;
    },
    async request(ctx, request, next) {
      const id = rules.requestId(request);
      if (id === "") throw new CodedError("INVALID_ARGUMENT", "the request has no id; set connection.id or the name");
      if (within(ctx, id)) return next.request(ctx, request);
      return queue.run(id, () => serve(ctx, id, request, next), { signal: ctx.signal });
    },
    async close(ctx, closing, next) {
      const id = rules.closingId(closing);
      if (within(ctx, id)) return next.close(ctx, closing);
      return queue.run(id, async () => {
        const scope = scopes.get(id);
        if (scope?.last) {
          const below = ctx.with(begunKey, scope as unknown as Begun<never>);
          return scope.closeNow(below, rules.closing(scope.last));
        }
        if (rules.unknownClose !== "pass") return undefined;
        const passing = new Scope<K>(id, next);
        return passing.closeNow(ctx.with(begunKey, passing as unknown as Begun<never>), closing);
      });
    },
    async stop() {
      stopping.abort(new CodedError("CLOSED", "the chain was stopped"));
      await queue.idle();
      for (const scope of [...scopes.values()]) scope.end();
    },
  };
}

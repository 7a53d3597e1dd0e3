import { type Clock, CodedError, KeyedQueue, type Logger, messageOf, silentLogger, systemClock } from "@nsmkit/core";
import type { BeginRules, Begun } from "./begun.ts";
import { bounded, cleanUpTimeoutMs, closeBelow } from "./bounded.ts";
import type { Context } from "./context.ts";
import type { Element, Handler, Kind } from "./element.ts";
import { begunKey, Scope, type ScopeHome } from "./scope.ts";

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
  /** Those that are established. */
  established(): readonly Begun<K>[];
}

/** The connection that the call in hand belongs to; needs `begin` above. */
export function begun<K extends Kind>(ctx: Context): Begun<K> {
  return ctx.require(begunKey) as unknown as Begun<K>;
}

/**
 * The element every stateful chain begins with, after the id is known and before anything that keeps state or changes
 * the reply. It guarantees to the elements below:
 *
 * - **exclusivity**: one call per id at a time; **order**: calls of an id run in the order they came;
 * - **close correctness**: `close` gets the last reply of the chain, whatever the caller sent, and goes on when the
 *   caller goes away; it cuts short a refresh or heal under way;
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
  const home: ScopeHome<K> = { rules, scopes, queue, clock, logger, eventTimeoutMs, stopping: stopping.signal };

  const within = (ctx: Context, id: string): boolean => ctx.get(begunKey)?.id === id;

  async function first(scope: Scope<K>, ctx: Context, request: K["request"], next: Handler<K>): Promise<K["reply"]> {
    const reply = await next.request(ctx, request);
    if (!ctx.signal.aborted) return reply;
    const copy = rules.copyReply(reply);
    await closeBelow(ctx, next, rules.closing({ request, reply: copy, returned: copy }));
    throw new CodedError("ABORTED", `nobody waits for connection "${scope.id}" any more`, { cause: ctx.signal.reason });
  }

  async function serve(ctx: Context, id: string, request: K["request"], next: Handler<K>): Promise<K["reply"]> {
    const scope = scopes.get(id) ?? new Scope<K>(id, next, home);
    scopes.set(id, scope);
    const below = scope.below(ctx);
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

  async function close(ctx: Context, id: string, closing: K["closing"], next: Handler<K>): Promise<void> {
    const known = scopes.get(id);
    const { unknownClose = "ignore" } = rules;
    if (!known?.last && unknownClose === "ignore") return;
    const scope = known ?? new Scope<K>(id, next, home);
    const leftMs = (ctx.deadlineMs ?? 0) - ctx.clock.now();
    using time = bounded(ctx.clock, Math.max(leftMs, cleanUpTimeoutMs), "closing a connection");
    const below = scope.below(ctx.withSignal(time.signal, time.deadlineMs));
    if (scope.last) {
      await scope.closeNow(below, rules.closing(scope.last));
      return;
    }
    try {
      await scope.closeNow(below, closing);
    } catch (error) {
      if (unknownClose === "pass") throw error;
      ctx.logger.info("could not pass on the close of an unknown connection", { id, reason: messageOf(error) });
    }
  }

  return {
    name: "begin",
    get size() {
      return scopes.size;
    },
    established: () => [...scopes.values()].filter((scope) => scope.established),
    async request(ctx, request, next) {
      const id = rules.requestId(request);
      if (id === "") throw new CodedError("INVALID_ARGUMENT", "the request has no id; set connection.id or the name");
      if (within(ctx, id)) return next.request(ctx, request);
      return queue.run(id, () => serve(ctx, id, request, next), { signal: ctx.signal });
    },
    async close(ctx, closing, next) {
      const id = rules.closingId(closing);
      if (within(ctx, id)) return next.close(ctx, closing);
      scopes.get(id)?.interrupt();
      return queue.run(id, () => close(ctx, id, closing, next));
    },
    async stop() {
      stopping.abort(new CodedError("CLOSED", "the chain was stopped"));
      await queue.idle();
      for (const scope of [...scopes.values()]) scope.end();
    },
  };
}

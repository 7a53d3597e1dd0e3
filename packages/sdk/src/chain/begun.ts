import type { Context } from "./context.ts";
import type { Kind } from "./element.ts";
import type { Store } from "./key.ts";

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
  /**
   * Close of an unknown id: `ignore` succeeds at once; `pass` sends the caller's message down; `try` too, and succeeds
   * whatever comes of it. Default `ignore`.
   */
  readonly unknownClose?: "ignore" | "pass" | "try";
}

export interface EventOptions {
  /** Cancelled before its turn: the event does not happen. Cancelled later: the calls below are. */
  readonly signal?: AbortSignal;
  /** Bound of the event, ms; default `eventTimeoutMs` of `begin`. */
  readonly timeoutMs?: number;
  /** Adds values to the event's context, so that the element that started it knows its own again. */
  readonly prepare?: (ctx: Context) => Context;
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

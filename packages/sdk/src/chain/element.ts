import type { Context } from "./context.ts";

/** Binds the messages of one request kind, so that one chain serves connections and both registries. */
export interface Kind {
  /** What `request` takes: NetworkServiceRequest; NetworkService or NetworkServiceEndpoint (register). */
  readonly request: unknown;
  /** What `request` gives: Connection; the registered entry. */
  readonly reply: unknown;
  /** What `close` takes: Connection; the entry to unregister. */
  readonly closing: unknown;
  /** What `find` takes and streams; `never` for a kind that has no find. */
  readonly query: unknown;
  readonly found: unknown;
}

/** Something that serves calls: a whole chain, the rest of one below an element, or its end. */
export interface Handler<K extends Kind> {
  request(ctx: Context, request: K["request"]): Promise<K["reply"]>;
  close(ctx: Context, closing: K["closing"]): Promise<void>;
  find(ctx: Context, query: K["query"]): AsyncIterable<K["found"]>;
}

/**
 * One behaviour. An element does its part, calls `next`, and undoes its part if `next` fails; a method it does not
 * have passes the call on untouched.
 *
 * - `request` also comes for a connection that exists (a refresh): it must then be an update without side effects.
 * - `request` may change the message it was given: the caller of a chain hands over a copy.
 * - Whoever fails after `next.request` succeeded closes what is below, if this was the first request (`closeBelow`).
 * - `close` must call `next.close` even if its own part fails, and then throw.
 * - State of one connection lives in the `Store` that `begin` provides, never in the message.
 */
export interface Element<K extends Kind> {
  /** Name of the behaviour, which is also the folder's; unique in a chain per role. */
  readonly name: string;
  /** Whether it acts for the callee (`server`) or the caller (`client`) of an RPC; servers stand first. Default: either. */
  readonly role?: "server" | "client";
  /** Names of elements that must stand earlier in the chain; `name` or `role/name`. */
  readonly requires?: readonly string[];
  request?(ctx: Context, request: K["request"], next: Handler<K>): Promise<K["reply"]>;
  close?(ctx: Context, closing: K["closing"], next: Handler<K>): Promise<void>;
  find?(ctx: Context, query: K["query"], next: Handler<K>): AsyncIterable<K["found"]>;
  /** The chain ends: let go of timers and streams. Connections stay as they are. */
  stop?(): Promise<void>;
}

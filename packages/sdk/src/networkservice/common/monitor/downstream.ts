import type { Connection } from "@nsmkit/api/networkservice";
import { key, type Store } from "../../../chain/key.ts";

/** What is heard of a connection from the next hop. */
export interface DownstreamEvent {
  /**
   * The connection under our own id and index, with path, context and state as the next hop has them. State DOWN also
   * when the next hop deleted it or when the stream of events broke.
   */
  readonly connection: Connection;
  /** Set when the stream broke: nobody knows what became of the connection. */
  readonly lost?: unknown;
}

export type DownstreamListener = (event: DownstreamEvent) => void;

const listenersKey = key<Map<string, DownstreamListener>>("downstream listeners");

/** Hears what `client/monitor` further down the chain hears. One listener per name: a refresh replaces the old one. */
export function listenDownstream(store: Store, name: string, listener: DownstreamListener): void {
  const listeners = store.get(listenersKey) ?? new Map<string, DownstreamListener>();
  listeners.set(name, listener);
  store.set(listenersKey, listeners);
}

export function tellListeners(store: Store, event: DownstreamEvent): void {
  for (const listener of store.get(listenersKey)?.values() ?? []) listener(event);
}

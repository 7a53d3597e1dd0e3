import { create } from "@bufbuild/protobuf";
import {
  type Connection,
  type ConnectionEvent,
  ConnectionEventSchema,
  ConnectionEventType,
  type MonitorScopeSelector,
} from "@nsmkit/api/networkservice";
import { selects } from "./selector.ts";

type Change = typeof ConnectionEventType.UPDATE | typeof ConnectionEventType.DELETE;

/** Connections in one event at most: an event of 4 MiB or more is refused by gRPC peers. */
const largestEvent = 256;

/**
 * One stream of events. Only the latest change of each connection waits for a slow reader, so that it costs memory
 * for the connections that changed and never for the number of changes.
 */
export class Watcher {
  readonly selector: MonitorScopeSelector;
  readonly #pending = new Map<string, { readonly type: Change; readonly connection: Connection }>();
  #wake: (() => void) | undefined;

  constructor(selector: MonitorScopeSelector) {
    this.selector = selector;
  }

  offer(type: Change, connection: Connection): void {
    if (!selects(this.selector, connection)) return;
    this.#pending.delete(connection.id);
    this.#pending.set(connection.id, { type, connection });
    this.#wake?.();
  }

  /** The initial transfer, at once and even if empty; then changes until the signal is cancelled. */
  async *events(initial: readonly Connection[], signal: AbortSignal): AsyncGenerator<ConnectionEvent> {
    yield* batches(ConnectionEventType.INITIAL_STATE_TRANSFER, initial, true);
    const wake = (): void => this.#wake?.();
    signal.addEventListener("abort", wake, { once: true });
    try {
      while (!signal.aborted) {
        if (this.#pending.size === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
        const changes = [...this.#pending.values()];
        this.#pending.clear();
        for (const type of [ConnectionEventType.UPDATE, ConnectionEventType.DELETE])
          yield* batches(
            type,
            changes.filter((change) => change.type === type).map((change) => change.connection),
          );
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }
}

function* batches(
  type: ConnectionEventType,
  connections: readonly Connection[],
  evenEmpty = false,
): Generator<ConnectionEvent> {
  if (connections.length === 0 && evenEmpty) yield create(ConnectionEventSchema, { type });
  for (let at = 0; at < connections.length; at += largestEvent) {
    const some = connections.slice(at, at + largestEvent);
    yield create(ConnectionEventSchema, {
      type,
      connections: Object.fromEntries(some.map((connection) => [connection.id, connection])),
    });
  }
}

import {
  type Connection,
  type ConnectionEvent,
  ConnectionEventType,
  MonitorConnection,
  type MonitorScopeSelector,
} from "@nsmkit/api/networkservice";
import type { ServiceBinding, ServiceHandlers } from "../../../transport/api.ts";
import { MultiMap } from "./index-map.ts";
import { indexKeys, selectorKey, selects } from "./selector.ts";
import { Watcher } from "./watcher.ts";

/**
 * The connections of one chain as its watchers see them. A change costs what its watchers cost, however many
 * connections and other watchers there are.
 */
export class MonitorHub {
  readonly #connections = new Map<string, Connection>();
  readonly #byKey = new MultiMap<string>();
  readonly #watchers = new MultiMap<Watcher>();

  /** Connections known. */
  get size(): number {
    return this.#connections.size;
  }

  /** Entries of all indexes, for leak checks: 0 when there are neither connections nor watchers. */
  get entries(): number {
    return this.#byKey.size + this.#watchers.size;
  }

  get(id: string): Connection | undefined {
    return this.#connections.get(id);
  }

  /** The hub keeps the object: hand over a copy. */
  update(connection: Connection): void {
    this.#forget(connection.id);
    this.#connections.set(connection.id, connection);
    for (const key of idKeys(connection)) this.#byKey.add(key, connection.id);
    this.#tell(ConnectionEventType.UPDATE, connection);
  }

  /** Nobody is told of a connection that nobody has heard of. */
  remove(connection: Connection): void {
    if (!this.#connections.has(connection.id)) return;
    this.#forget(connection.id);
    this.#tell(ConnectionEventType.DELETE, connection);
  }

  /** What `MonitorConnections` streams. */
  async *watch(
    selector: MonitorScopeSelector,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<ConnectionEvent> {
    const watcher = new Watcher(selector);
    const key = selectorKey(selector);
    this.#watchers.add(key, watcher);
    try {
      yield* watcher.events(this.#matching(selector, key), options.signal);
    } finally {
      this.#watchers.delete(key, watcher);
    }
  }

  /** Puts the hub behind `/connection.MonitorConnection/`. */
  get binding(): ServiceBinding {
    const handlers: ServiceHandlers<typeof MonitorConnection> = {
      monitorConnections: (selector, call) => this.watch(selector, { signal: call.signal }),
    };
    return { service: MonitorConnection, handlers };
  }

  #matching(selector: MonitorScopeSelector, key: string): Connection[] {
    const some = key.startsWith("id ")
      ? [...this.#byKey.get(key)].flatMap((id) => this.#connections.get(id) ?? [])
      : [...this.#connections.values()];
    return some.filter((connection) => selects(selector, connection));
  }

  #forget(id: string): void {
    const known = this.#connections.get(id);
    if (!known) return;
    this.#connections.delete(id);
    for (const key of idKeys(known)) this.#byKey.delete(key, id);
  }

  #tell(type: typeof ConnectionEventType.UPDATE | typeof ConnectionEventType.DELETE, connection: Connection): void {
    for (const key of indexKeys(connection))
      for (const watcher of this.#watchers.get(key)) watcher.offer(type, connection);
  }
}

const idKeys = (connection: Connection): string[] => [...indexKeys(connection)].filter((key) => key.startsWith("id "));

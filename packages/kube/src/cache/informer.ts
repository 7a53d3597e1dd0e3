import {
  abortable,
  backoffDelay,
  type Clock,
  Deferred,
  isCodedError,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
} from "@nsmkit/core";
import type { Client, ListOptions, WatchEvent } from "../client/client.ts";
import { isExpired, retryAfterMs } from "../client/status.ts";
import { type KubeObject, kindText, objectKey, type Resource } from "../object.ts";

/** One change of the cache. After a gap several changes of an object arrive as one; none is lost as a state. */
export type CacheChange<T> =
  | { readonly type: "added"; readonly object: T }
  | { readonly type: "updated"; readonly object: T; readonly before: T }
  | { readonly type: "deleted"; readonly object: T };

export interface InformerOptions<T extends KubeObject> {
  readonly client: Pick<Client, "list" | "watch">;
  readonly resource: Resource<T>;
  /** One namespace; default all. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Makes objects smaller before they are kept. */
  readonly transform?: (object: T) => T;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * A cache of one kind, kept by list and watch. It lives through ended, cut and expired watches (HTTP 410), and goes on
 * from bookmarks, so that a quiet kind is not listed again.
 */
export class Informer<T extends KubeObject> implements AsyncDisposable {
  readonly #options: InformerOptions<T>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, { of: (object: T) => readonly string[]; keys: Map<string, Set<string>> }>();
  readonly #listeners = new Set<(change: CacheChange<T>) => void>();
  /** uids of objects that we deleted and whose end the watch has not told yet. */
  readonly #forgotten = new Set<string>();
  readonly #stop = new AbortController();
  readonly #synced = new Deferred<void>();
  #version = "";
  /** Whether the watch that runs, or ran last, brought anything. */
  #heard = false;
  #failure: unknown;
  #running: Promise<void> | undefined;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = (options.logger ?? silentLogger).child({ kind: kindText(options.resource) });
  }

  get resource(): Resource<T> {
    return this.#options.resource;
  }

  /** Begins to list and watch. Call once, after `onChange` and `index`. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the first list is in the cache. */
  synced(options: { signal: AbortSignal }): Promise<void> {
    return abortable(this.#synced.promise, options.signal, `listing ${kindText(this.#options.resource)}`);
  }

  /** Why the last list or watch failed; undefined while all is well. For whoever is tired of waiting for `synced`. */
  get failure(): unknown {
    return this.#failure;
  }

  /** @param key `namespace/name` */
  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /**
   * Takes in what a write of our own answered, before the watch brings it: the next look does not see the past and write
   * again. Listeners are not told; they caused it.
   */
  learn(object: T): void {
    this.#put(object, { quietly: true });
  }

  /** As `learn`, for an object that we deleted and that has no finalizer. Events from before its end are not taken. */
  forget(object: T): void {
    const { uid } = object.metadata;
    if (uid !== undefined) this.#forgotten.add(uid);
    const key = objectKey(object);
    if (this.#objects.get(key)?.metadata.uid === uid) this.#remove(key, undefined, { quietly: true });
  }

  /** Adds a look-up by whatever `of` gives; before `start`. */
  index(name: string, of: (object: T) => readonly string[]): void {
    this.#indexes.set(name, { of, keys: new Map() });
  }

  byIndex(name: string, value: string): readonly T[] {
    const keys = this.#indexes.get(name)?.keys.get(value) ?? [];
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** @returns stops telling. A listener must not throw. */
  onChange(listener: (change: CacheChange<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#synced.promise.catch(() => {});
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      const startedMs = this.#clock.monotonic();
      // What went well for a while, or brought anything, is no failure in a row with what was before it.
      const lived = (): boolean => this.#heard || this.#clock.monotonic() - startedMs > 1000;
      try {
        if (this.#version === "") await this.#list();
        this.#heard = false;
        await this.#watch();
        // A server that ends watches at once would have us spin.
        failures = lived() ? 0 : failures + 1;
        if (failures > 3) await this.#clock.sleep(backoffDelay(failures), { signal });
      } catch (error) {
        if (signal.aborted) break;
        failures = lived() ? 1 : failures + 1;
        this.#heard = false;
        this.#failure = error;
        if (isExpired(error)) {
          this.#version = "";
          // Once is routine; a server that calls each fresh version too old must not be listed in a tight loop.
          if (failures === 1) continue;
        }
        // A change that cannot be brought, whatever the reason, must not keep the cache in the past.
        if (failures >= 4) this.#version = "";
        const delayMs = Math.max(retryAfterMs(error) ?? 0, backoffDelay(failures, { initialMs: 200, maxMs: 30_000 }));
        // Before the first success an operator must be able to see why nothing happens; later a cut watch is routine.
        const level = failures > 3 || isCodedError(error, "PERMISSION_DENIED") ? "warn" : "debug";
        this.#logger[level]("list or watch failed, trying again", { error: messageOf(error), delayMs });
        await this.#clock.sleep(delayMs, { signal }).catch(() => {});
      }
    }
  }

  get #selection(): ListOptions & { signal: AbortSignal } {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      signal: this.#stop.signal,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  async #list(): Promise<void> {
    const { items, resourceVersion } = await this.#options.client.list(this.#options.resource, this.#selection);
    const gone = new Set(this.#objects.keys());
    for (const item of items) {
      gone.delete(objectKey(item));
      this.#put(item, { listed: true });
    }
    this.#forgotten.clear();
    // What vanished while nobody watched is told as deleted in its last known state.
    for (const key of gone) this.#remove(key);
    this.#version = resourceVersion;
    this.#failure = undefined;
    this.#synced.resolve();
  }

  async #watch(): Promise<void> {
    const events = this.#options.client.watch(this.#options.resource, {
      ...this.#selection,
      resourceVersion: this.#version,
      // Spread, so that many watches do not end together (client-go: 5 to 10 minutes).
      timeoutSeconds: Math.round(300 * (1 + Math.random())),
    });
    for await (const event of events) this.#take(event);
  }

  #take(event: WatchEvent<T>): void {
    this.#heard = true;
    if (event.type === "BOOKMARK") {
      this.#version = event.resourceVersion;
      return;
    }
    const { uid } = event.object.metadata;
    if (event.type !== "DELETED") this.#put(event.object);
    else if (!this.#forgotten.delete(uid ?? "")) this.#remove(objectKey(event.object), event.object);
    this.#version = event.object.metadata.resourceVersion ?? this.#version;
  }

  #put(given: T, { quietly = false, listed = false } = {}): void {
    if (this.#forgotten.has(given.metadata.uid ?? "")) return;
    const object = this.#options.transform ? this.#options.transform(given) : given;
    const key = objectKey(object);
    const before = this.#objects.get(key);
    // A list counts even when it is older: after a restore of etcd versions start again from a lower number.
    if (before && (listed ? isSame(object, before) : isNotNewer(object, before))) return;
    if (before) this.#unindex(key, before);
    this.#objects.set(key, object);
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of of(object)) {
        const set = keys.get(value) ?? new Set();
        keys.set(value, set.add(key));
      }
    }
    if (!quietly) this.#tell(before ? { type: "updated", object, before } : { type: "added", object });
  }

  #remove(key: string, last?: T, { quietly = false } = {}): void {
    const before = this.#objects.get(key);
    if (!before) return;
    this.#objects.delete(key);
    this.#unindex(key, before);
    if (!quietly) this.#tell({ type: "deleted", object: last ?? before });
  }

  #unindex(key: string, object: T): void {
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of of(object)) {
        const set = keys.get(value);
        set?.delete(key);
        if (set?.size === 0) keys.delete(value);
      }
    }
  }

  #tell(change: CacheChange<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}

const isSame = (object: KubeObject, before: KubeObject): boolean =>
  object.metadata.resourceVersion === before.metadata.resourceVersion;

/** Versions are numbers that grow (Kubernetes API concepts, resource versions). */
function isNotNewer(object: KubeObject, before: KubeObject): boolean {
  if (isSame(object, before)) return true;
  const [now = "", then = ""] = [object.metadata.resourceVersion, before.metadata.resourceVersion];
  if (object.metadata.uid !== before.metadata.uid || !/^\d+$/.test(now) || !/^\d+$/.test(then)) return false;
  return BigInt(now) < BigInt(then);
}

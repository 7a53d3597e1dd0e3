import type { Clock, Logger } from "@nsmkit/core";
import { type Client, Informer, objectKey } from "@nsmkit/kube";
import type { EntryStore, RegistryKind } from "@nsmkit/sdk/registry";
import { Freshness } from "./freshness.ts";
import { readObject, type StoredKind, type StoredObject } from "./objects.ts";

export interface EntryCacheOptions<K extends RegistryKind> {
  readonly kind: StoredKind<K>;
  readonly client: Pick<Client, "list" | "watch">;
  /** Where this registry writes. */
  readonly namespace: string;
  /** Look-ups by name and by what `keys` gives. */
  readonly store: EntryStore<K["request"]>;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Listener<E> = (object: StoredObject<E>, gone: boolean) => void;

/**
 * The objects of all namespaces as entries, kept by one watch; what is found and watched comes from here and costs the
 * API server nothing. Where several objects say the same name, the first counts as the API server lists them: that is
 * the one which upstream's clients take.
 */
export class EntryCache<K extends RegistryKind> implements AsyncDisposable {
  readonly entries: EntryStore<K["request"]>;
  readonly freshness: Freshness;
  readonly #options: EntryCacheOptions<K>;
  readonly #informer: Informer<StoredObject<K["request"]>>;
  /** Versions that this process wrote, by key: it watches over their leases. */
  readonly #written = new Map<string, string>();
  /** Versions that are not shown any more, by key: their leases are over. */
  readonly #hidden = new Map<string, string>();
  readonly #unreadable = new Set<string>();
  #listener: Listener<K["request"]> = () => {};

  constructor(options: EntryCacheOptions<K>) {
    const { kind, client, clock, logger } = options;
    this.#options = options;
    this.entries = options.store;
    this.freshness = new Freshness(clock);
    this.#informer = new Informer<StoredObject<K["request"]>>({
      client: this.freshness.observe(client),
      resource: kind.resource,
      transform: (object) => readObject(kind, object),
      clock,
      logger,
    });
    this.#informer.index("entry", ({ entry }) => (entry ? [entry.name] : []));
    this.#informer.onChange((change) => {
      const before = change.type === "updated" ? change.before : undefined;
      // The last state of what is gone comes as it is on the wire.
      this.#took(readObject(kind, change.object), change.type === "deleted", before);
    });
  }

  /** Objects that hold no entry. */
  get unreadable(): number {
    return this.#unreadable.size;
  }

  /** @param listener told of every object that is new, other or gone, also of those that this process wrote */
  start(listener: Listener<K["request"]> = () => {}): void {
    this.#listener = listener;
    this.#informer.start();
  }

  /** Resolves when everything there is has been read once. */
  synced(options: { signal: AbortSignal }): Promise<void> {
    return this.#informer.synced(options);
  }

  /** @param key `namespace/name` of the object */
  get(key: string): StoredObject<K["request"]> | undefined {
    return this.#informer.get(key);
  }

  /** The object of the registry's own namespace that keeps an entry. */
  own(name: string): StoredObject<K["request"]> | undefined {
    const own = this.#informer
      .byIndex("entry", name)
      .filter(({ metadata }) => metadata.namespace === this.#options.namespace);
    return own.sort(byKey)[0];
  }

  /** Whether this process wrote the object as it is now. */
  isOurs(object: StoredObject<K["request"]>): boolean {
    return this.#written.get(objectKey(object)) === object.metadata.resourceVersion;
  }

  /** Takes what a write of ours answered, before the watch tells of it. @returns the entry */
  learn(answer: StoredObject<K["request"]>): StoredObject<K["request"]> {
    const object = readObject(this.#options.kind, answer);
    const key = objectKey(object);
    const before = this.#informer.get(key);
    if (object.metadata.resourceVersion !== undefined) this.#written.set(key, object.metadata.resourceVersion);
    this.#informer.learn(object);
    // An answer that comes after the watch has told of something newer is not taken.
    const held = this.#informer.get(key);
    if (held?.metadata.resourceVersion === object.metadata.resourceVersion) this.#took(object, false, before);
    return object;
  }

  /** Takes that we deleted it. */
  forget(object: StoredObject<K["request"]>): void {
    if (object.metadata.finalizers) return;
    this.#informer.forget(object);
    const key = objectKey(object);
    if (this.#informer.get(key) === undefined) this.#took(object, true);
  }

  /** Its lease is over: nobody finds this version any more. */
  hide(object: StoredObject<K["request"]>): void {
    this.#hidden.set(objectKey(object), object.metadata.resourceVersion ?? "");
    if (object.entry) this.#show(object.entry.name);
  }

  close(): Promise<void> {
    return this.#informer.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #took(object: StoredObject<K["request"]>, gone: boolean, before?: StoredObject<K["request"]>): void {
    const key = objectKey(object);
    if (gone) this.#written.delete(key);
    if (gone || this.#hidden.get(key) !== object.metadata.resourceVersion) this.#hidden.delete(key);
    this.#noteUnreadable(key, object, gone);
    for (const name of new Set([before?.entry?.name, object.entry?.name])) if (name !== undefined) this.#show(name);
    this.#listener(object, gone);
  }

  #noteUnreadable(key: string, { problem, metadata }: StoredObject<K["request"]>, gone: boolean): void {
    if (gone || problem === undefined) {
      this.#unreadable.delete(key);
      return;
    }
    this.#unreadable.add(key);
    const { kind } = this.#options.kind.resource;
    this.#options.logger.warn("an object is no entry of the registry and is left out", {
      object: `${kind} ${metadata.namespace}/${metadata.name}`,
      problem,
      remedy: "correct its spec, or delete it",
    });
  }

  #show(name: string): void {
    const shown = this.#informer
      .byIndex("entry", name)
      .filter((object) => this.#hidden.get(objectKey(object)) !== object.metadata.resourceVersion);
    const [first] = shown.length > 1 ? [...shown].sort(byKey) : shown;
    if (!first?.entry) this.entries.delete(name);
    else if (this.entries.get(name) !== first.entry) this.entries.set(first.entry);
  }
}

function byKey(a: StoredObject<unknown>, b: StoredObject<unknown>): number {
  const [left, right] = [objectKey(a), objectKey(b)];
  return left < right ? -1 : Number(left > right);
}

import { Watcher } from "./watcher.ts";

interface Named {
  readonly name: string;
}

export interface StoreRules<E extends Named> {
  /** Keys that the entry is found by beside its name; a query with keys only fits entries that have them all. */
  keys(entry: E): readonly string[];
  fits(query: E, entry: E): boolean;
}

interface Subscription<E extends Named> {
  readonly query: E;
  readonly watcher: Watcher<E>;
}

/** Members by key; a key without members takes no memory. */
class Buckets<T> {
  readonly #sets = new Map<string, Set<T>>();

  get(key: string): ReadonlySet<T> {
    return this.#sets.get(key) ?? new Set();
  }
  add(key: string, member: T): void {
    const set = this.#sets.get(key);
    if (set) set.add(member);
    else this.#sets.set(key, new Set([member]));
  }
  delete(key: string, member: T): void {
    const set = this.#sets.get(key);
    if (set?.delete(member) && set.size === 0) this.#sets.delete(key);
  }
}

/** Query keys carry a prefix by what they index, so that an endpoint named like a service is another key. */
const nameKey = (name: string): string => `n:${name}`;
const otherKey = (key: string): string => `k:${key}`;
const everything = "*";

/**
 * Entries by name with indexes for what is asked often, and watchers that a change reaches without asking the others.
 * Entries and queries are shared with callers and never changed by anyone.
 */
export class EntryStore<E extends Named> {
  readonly #rules: StoreRules<E>;
  readonly #entries = new Map<string, E>();
  readonly #byKey = new Buckets<string>();
  readonly #watchers = new Buckets<Subscription<E>>();

  constructor(rules: StoreRules<E>) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string): E | undefined {
    return this.#entries.get(name);
  }

  /** Adds or replaces by name; a replaced entry keeps its place in the order of `find`. */
  set(entry: E): void {
    const before = this.#entries.get(entry.name);
    this.#entries.set(entry.name, entry);
    const now = new Set(this.#rules.keys(entry));
    const then = new Set(before ? this.#rules.keys(before) : []);
    for (const key of then) if (!now.has(key)) this.#byKey.delete(key, entry.name);
    for (const key of now) if (!then.has(key)) this.#byKey.add(key, entry.name);
    this.#tell(entry, now.union(then), false);
  }

  /** @returns the entry that was there */
  delete(name: string): E | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    this.#entries.delete(name);
    const keys = new Set(this.#rules.keys(entry));
    for (const key of keys) this.#byKey.delete(key, name);
    this.#tell(entry, keys, true);
    return entry;
  }

  /** What fits now, in the order of registration within an index. */
  find(query: E): E[] {
    const found: E[] = [];
    for (const entry of this.#candidates(query)) if (this.#rules.fits(query, entry)) found.push(entry);
    return found;
  }

  /** What fits now, then every change of it; ends when the signal is cancelled or the reader leaves. */
  watch(query: E, options: { signal: AbortSignal }): Watcher<E> {
    const key = this.#watchKey(query);
    const end = (): void => watcher.end();
    const watcher = new Watcher<E>(() => {
      options.signal.removeEventListener("abort", end);
      this.#watchers.delete(key, subscription);
    });
    const subscription: Subscription<E> = { query, watcher };
    this.#watchers.add(key, subscription);
    for (const entry of this.find(query)) watcher.offer(entry, true);
    if (options.signal.aborted) end();
    else options.signal.addEventListener("abort", end, { once: true });
    return watcher;
  }

  /** The smallest set that holds all that can fit. */
  #candidates(query: E): Iterable<E> {
    if (query.name !== "") {
      const entry = this.#entries.get(query.name);
      return entry ? [entry] : [];
    }
    const sets = this.#rules.keys(query).map((key) => this.#byKey.get(key));
    const smallest = sets.sort((a, b) => a.size - b.size)[0];
    if (!smallest) return this.#entries.values();
    return [...smallest].flatMap((name) => this.#entries.get(name) ?? []);
  }

  #watchKey(query: E): string {
    if (query.name !== "") return nameKey(query.name);
    const [first] = this.#rules.keys(query);
    return first === undefined ? everything : otherKey(first);
  }

  #tell(entry: E, keys: ReadonlySet<string>, deleted: boolean): void {
    const places = [nameKey(entry.name), everything, ...[...keys].map(otherKey)];
    for (const place of places)
      for (const { query, watcher } of this.#watchers.get(place))
        watcher.offer(entry, !deleted && this.#rules.fits(query, entry));
  }
}

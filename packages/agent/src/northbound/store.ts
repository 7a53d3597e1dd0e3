import type { Item } from "./item.ts";

/** What one source wants changed. */
export interface Change {
  /** Who declares: items of different sources are kept apart. */
  readonly source: string;
  readonly put?: readonly Item[];
  /** Keys that the source withdraws; unknown ones do not matter. */
  readonly delete?: readonly string[];
  /** The source's earlier items that are not in `put` are withdrawn. */
  readonly replace?: boolean;
}

/** What a change means for the merge of all sources. */
export interface Effect {
  readonly set: readonly Item[];
  readonly deleted: readonly string[];
}

/**
 * What all sources declare. For a key that several declare, the source whose name sorts last wins; when it withdraws
 * the key, the value of the next one comes back.
 */
export class Store {
  #sources: ReadonlyMap<string, ReadonlyMap<string, Item>> = new Map();
  #merged: ReadonlyMap<string, Item> = new Map();

  /** The winning item of every key. */
  get merged(): ReadonlyMap<string, Item> {
    return this.#merged;
  }

  get sources(): readonly string[] {
    return [...this.#sources.keys()].sort();
  }

  itemsOf(source: string): ReadonlyMap<string, Item> {
    return this.#sources.get(source) ?? new Map();
  }

  /** The sources that declare a key, winner last. */
  sourcesOf(key: string): readonly string[] {
    return this.sources.filter((source) => this.itemsOf(source).has(key));
  }

  /** The store as it would be; this one does not change. */
  with(changes: readonly Change[]): Store {
    const next = new Store();
    const sources = new Map(this.#sources);
    for (const change of changes) {
      const items = new Map(change.replace ? [] : sources.get(change.source));
      for (const key of change.delete ?? []) items.delete(key);
      for (const item of change.put ?? []) items.set(item.key, item);
      if (items.size > 0) sources.set(change.source, items);
      else sources.delete(change.source);
    }
    next.#sources = sources;
    next.#merged = merge(sources);
    return next;
  }

  /**
   * How the merge differs from `before`. An item that a change puts counts as set even if it is equal: its author may
   * want a failed one tried again.
   */
  effectSince(before: Store, changes: readonly Change[]): Effect {
    const put = new Set(changes.flatMap((change) => (change.put ?? []).map((item) => item.key)));
    const set = [...this.#merged.values()].filter((item) => put.has(item.key) || before.#merged.get(item.key) !== item);
    const deleted = [...before.#merged.keys()].filter((key) => !this.#merged.has(key));
    return { set, deleted };
  }
}

function merge(sources: ReadonlyMap<string, ReadonlyMap<string, Item>>): Map<string, Item> {
  const merged = new Map<string, Item>();
  for (const source of [...sources.keys()].sort())
    for (const [key, item] of sources.get(source) ?? []) merged.set(key, item);
  return merged;
}

import type { Item } from "./item.ts";
import { LayeredMap } from "./layered-map.ts";

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
 * the key, the value of the next one comes back. A store does not change, and a changed one costs what the change is worth.
 */
export class Store {
  #sources: ReadonlyMap<string, LayeredMap<Item>> = new Map();
  #merged: LayeredMap<Item> = LayeredMap.empty();

  /** The winning item of every key. */
  get merged(): ReadonlyMap<string, Item> {
    return this.#merged;
  }

  get sources(): readonly string[] {
    return [...this.#sources.keys()].sort();
  }

  itemsOf(source: string): ReadonlyMap<string, Item> {
    return this.#sources.get(source) ?? LayeredMap.empty();
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
      const before = (!change.replace && sources.get(change.source)) || LayeredMap.empty<Item>();
      const edits = new Map<string, Item | undefined>();
      for (const key of change.delete ?? []) edits.set(key, undefined);
      for (const item of change.put ?? []) edits.set(item.key, item);
      const items = before.with(edits);
      if (items.size > 0) sources.set(change.source, items);
      else sources.delete(change.source);
    }
    next.#sources = sources;
    const winnerFirst = [...sources.keys()].sort().reverse();
    const winners = new Map<string, Item | undefined>();
    for (const key of this.#touchedBy(changes)) {
      const winner = winnerFirst.find((source) => sources.get(source)?.has(key));
      winners.set(key, winner === undefined ? undefined : sources.get(winner)?.get(key));
    }
    next.#merged = this.#merged.with(winners);
    return next;
  }

  /**
   * How the merge differs from `before`, from which the changes led here. An item that a change puts counts as set even
   * if it is equal: its author may want a failed one tried again.
   */
  effectSince(before: Store, changes: readonly Change[]): Effect {
    const put = new Set(changes.flatMap((change) => (change.put ?? []).map((item) => item.key)));
    const set: Item[] = [];
    const deleted: string[] = [];
    for (const key of before.#touchedBy(changes)) {
      const item = this.#merged.get(key);
      const earlier = before.#merged.get(key);
      if (item && (put.has(key) || earlier !== item)) set.push(item);
      else if (!item && earlier) deleted.push(key);
    }
    return { set, deleted };
  }

  /** Keys whose winner may be another one after the changes. */
  #touchedBy(changes: readonly Change[]): Set<string> {
    const keys = new Set<string>();
    for (const change of changes) {
      if (change.replace) for (const key of this.itemsOf(change.source).keys()) keys.add(key);
      for (const key of change.delete ?? []) keys.add(key);
      for (const item of change.put ?? []) keys.add(item.key);
    }
    return keys;
  }
}

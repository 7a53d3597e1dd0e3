/** A change of a map: undefined removes a key. */
export type Edits<V> = ReadonlyMap<string, V | undefined>;

/** A layer of changes grows to this many, or to the root of what lies under it, before both become one. */
const leastEdits = 64;

/**
 * A map that never changes and of which a changed copy costs little: copies share what they have in common. For maps of
 * many keys that change a few at a time. Values are not undefined.
 */
export class LayeredMap<V extends object> implements ReadonlyMap<string, V> {
  readonly #base: ReadonlyMap<string, V>;
  readonly #edits: Edits<V>;
  readonly size: number;

  private constructor(base: ReadonlyMap<string, V>, edits: Edits<V>, size: number) {
    this.#base = base;
    this.#edits = edits;
    this.size = size;
  }

  static empty<V extends object>(): LayeredMap<V> {
    return new LayeredMap<V>(new Map(), new Map(), 0);
  }

  with(edits: Edits<V>): LayeredMap<V> {
    let { size } = this;
    for (const [key, value] of edits) size += Number(value !== undefined) - Number(this.has(key));
    const layer = new Map([...this.#edits, ...edits]);
    if (layer.size <= Math.max(leastEdits, 4 * Math.sqrt(this.#base.size)))
      return new LayeredMap(this.#base, layer, size);
    const base = new Map(this.#base);
    for (const [key, value] of layer) {
      if (value === undefined) base.delete(key);
      else base.set(key, value);
    }
    return new LayeredMap(base, new Map(), size);
  }

  get(key: string): V | undefined {
    return this.#edits.has(key) ? this.#edits.get(key) : this.#base.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  *entries(): MapIterator<[string, V]> {
    for (const entry of this.#base) if (!this.#edits.has(entry[0])) yield entry;
    for (const [key, value] of this.#edits) if (value !== undefined) yield [key, value];
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  values(): MapIterator<V> {
    if (this.#edits.size === 0) return this.#base.values();
    // An array is faster than a generator, and whoever wants one value wants all.
    const values: V[] = [];
    for (const [key, value] of this.#base) if (!this.#edits.has(key)) values.push(value);
    for (const value of this.#edits.values()) if (value !== undefined) values.push(value);
    return values.values();
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }
}

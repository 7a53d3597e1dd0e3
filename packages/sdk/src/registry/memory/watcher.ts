/** One change of a named thing; `deleted` carries what it was last. */
export interface Change<E> {
  readonly entry: E;
  readonly deleted: boolean;
}

/**
 * What one watcher has still to be told. A change of a name that is still waiting replaces it, so a slow watcher holds
 * at most one change per name, blocks nobody and never misses the latest state.
 */
export class Watcher<E extends { readonly name: string }> implements AsyncIterableIterator<Change<E>, undefined> {
  readonly #waiting = new Map<string, Change<E>>();
  /** Names that the reader believes to exist. */
  readonly #told = new Set<string>();
  readonly #leave: () => void;
  #reader: ((result: IteratorResult<Change<E>, undefined>) => void) | undefined;
  #ended = false;

  /** @param leave called once, when the watcher ends */
  constructor(leave: () => void) {
    this.#leave = leave;
  }

  /** Changes that wait for the reader. */
  get backlog(): number {
    return this.#waiting.size;
  }

  /** @param fits whether the entry, as it is now, is what this watcher asked for */
  offer(entry: E, fits: boolean): void {
    const { name } = entry;
    if (fits) this.#put({ entry, deleted: false });
    else if (this.#told.has(name)) this.#put({ entry, deleted: true });
    else this.#waiting.delete(name);
  }

  #put(change: Change<E>): void {
    if (this.#ended) return;
    const reader = this.#reader;
    if (!reader) {
      this.#waiting.set(change.entry.name, change);
      return;
    }
    this.#reader = undefined;
    reader({ value: this.#tell(change), done: false });
  }

  #tell(change: Change<E>): Change<E> {
    if (change.deleted) this.#told.delete(change.entry.name);
    else this.#told.add(change.entry.name);
    return change;
  }

  /** One reader at a time. */
  next(): Promise<IteratorResult<Change<E>, undefined>> {
    for (const [name, change] of this.#waiting) {
      this.#waiting.delete(name);
      return Promise.resolve({ value: this.#tell(change), done: false });
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  /** Ends the iteration; what waits is dropped. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting.clear();
    this.#leave();
    this.#reader?.({ value: undefined, done: true });
    this.#reader = undefined;
  }

  return(): Promise<IteratorResult<Change<E>, undefined>> {
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
  }
}

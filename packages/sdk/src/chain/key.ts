import { CodedError } from "@nsmkit/core";

/** Names one value of one type, in a `Context` or in a `Store`. Two keys with the same name are two keys. */
export interface Key<T> {
  readonly name: string;
  /** Called with a value that is still in a `Store` when its connection ends: cancel the timer, close the file. */
  readonly release?: (value: T) => void;
}

export function key<T>(name: string, release?: (value: T) => void): Key<T> {
  return release ? { name, release } : { name };
}

/**
 * Values that live as long as one connection (or one registration): from its first request until it is closed or
 * that first request has failed. Each key belongs to the element that made it. What is left at the end is released,
 * so an element that forgets a timer on some error path still leaks nothing.
 */
export class Store {
  readonly #values = new Map<Key<unknown>, unknown>();

  get size(): number {
    return this.#values.size;
  }

  get<T>(of: Key<T>): T | undefined {
    return this.#values.get(of as Key<unknown>) as T | undefined;
  }

  /** Puts a value in place of the old one, which is not released: the element has it in its hands. */
  set<T>(of: Key<T>, value: T): void {
    this.#values.set(of as Key<unknown>, value);
  }

  /** Takes the value out, unreleased. */
  take<T>(of: Key<T>): T | undefined {
    const value = this.get(of);
    this.#values.delete(of as Key<unknown>);
    return value;
  }

  /** Releases everything, also if some release throws. @throws INTERNAL naming the keys whose release threw */
  end(): void {
    const values = [...this.#values];
    this.#values.clear();
    const failed: string[] = [];
    let cause: unknown;
    for (const [of, value] of values) {
      try {
        of.release?.(value);
      } catch (error) {
        failed.push(of.name);
        cause ??= error;
      }
    }
    if (failed.length > 0) throw new CodedError("INTERNAL", `could not release ${failed.join(", ")}`, { cause });
  }
}

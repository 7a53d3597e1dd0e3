import { abortError, CodedError } from "./errors.ts";

/** Something with an owner. `close()` drains and is safe to call twice; `Symbol.asyncDispose` is `close`. */
export interface Closable extends AsyncDisposable {
  close(): Promise<void>;
}

/** Waits for `work`, but no longer than the signal allows. The work itself goes on; its late error is swallowed here. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined, doing: string): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortError(signal, doing));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const settled = (): void => signal.removeEventListener("abort", onAbort);
    work.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
}

/** Runs tasks of one key strictly one after the other, in the order of the calls; other keys run beside them. */
export class KeyedQueue<K> {
  readonly #tails = new Map<K, Promise<unknown>>();

  /** Number of keys with work running or waiting. */
  get size(): number {
    return this.#tails.size;
  }

  /**
   * @param options.signal while the task waits for its turn, cancelling rejects with ABORTED and the task never runs
   * @returns what the task returns; its error is the caller's alone and does not stop later tasks
   */
  run<T>(key: K, task: () => Promise<T>, options: { signal?: AbortSignal } = {}): Promise<T> {
    const before = this.#tails.get(key);
    const start = async (): Promise<T> => {
      if (options.signal?.aborted) throw abortError(options.signal, "waiting for its turn");
      return task();
    };
    const result = before ? before.then(start) : start();
    const tail = result.then(
      () => {},
      () => {},
    );
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return before && options.signal ? abortable(result, options.signal, "waiting for its turn") : result;
  }

  /** Resolves when no key has work left. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}

/** A promise with its two ends. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/**
 * Closes in reverse order of opening, each even if another failed.
 * @throws the only error, or an AggregateError of several
 */
export async function closeAll(closables: readonly { close(): Promise<void> }[]): Promise<void> {
  const errors: unknown[] = [];
  for (const closable of closables.toReversed()) {
    try {
      await closable.close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, "several parts failed to close");
}

/** Narrows away undefined where our own logic guarantees a value; INTERNAL otherwise. */
export function mustExist<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new CodedError("INTERNAL", `${what} is missing`);
  return value;
}

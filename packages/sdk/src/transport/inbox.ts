/** What flow control needs to do with an inbox that fills. */
export interface Tap {
  pause(): void;
  resume(): void;
}

/** Messages waiting for a reader, at most; beyond it the sender is stopped by flow control. */
const highWater = 16;

/**
 * Messages on their way from a stream to one `for await`. Above `highWater` the stream is paused, so that what is held
 * stays bounded by that and one flow-control window.
 */
export class Inbox<T> implements AsyncIterator<T, undefined> {
  readonly #items: T[] = [];
  #waiting: ((result: IteratorResult<T, undefined>) => void) | undefined;
  #failWaiting: ((error: unknown) => void) | undefined;
  #ended: { error?: unknown } | undefined;
  #paused = false;
  #tap: Tap | undefined;
  readonly #abandon: () => void;

  /** @param abandon called once when the reader leaves before the end */
  constructor(abandon: () => void) {
    this.#abandon = abandon;
  }

  /** Says whom to pause. Messages may have come before. */
  attach(tap: Tap): void {
    this.#tap = tap;
    if (this.#paused) tap.pause();
  }

  push(item: T): void {
    if (this.#ended) return;
    if (this.#waiting) {
      this.#take({ value: item, done: false });
      return;
    }
    this.#items.push(item);
    if (!this.#paused && this.#items.length >= highWater) {
      this.#paused = true;
      this.#tap?.pause();
    }
  }

  /** No more will come. What is held is still delivered, then the error if there is one. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    if (this.#waiting) this.#finish();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      if (this.#paused && this.#items.length <= highWater / 2) {
        this.#paused = false;
        this.#tap?.resume();
      }
      return Promise.resolve({ value: item, done: false });
    }
    return new Promise((resolve, reject) => {
      this.#waiting = resolve;
      this.#failWaiting = reject;
      if (this.#ended) this.#finish();
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#items.length = 0;
    if (!this.#ended) {
      this.end();
      this.#abandon();
    }
    return Promise.resolve({ value: undefined, done: true });
  }

  #take(result: IteratorResult<T, undefined>): void {
    const resolve = this.#waiting;
    this.#waiting = undefined;
    this.#failWaiting = undefined;
    resolve?.(result);
  }

  #finish(): void {
    const error = this.#ended?.error;
    const reject = this.#failWaiting;
    // An error is thrown once; who asks again is told that it is over, as a generator would.
    this.#ended = {};
    if (error === undefined) this.#take({ value: undefined, done: true });
    else {
      this.#waiting = undefined;
      this.#failWaiting = undefined;
      reject?.(error);
    }
  }
}

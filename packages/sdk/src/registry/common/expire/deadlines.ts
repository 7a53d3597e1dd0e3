import type { Clock, Timer } from "@nsmkit/core";

interface Due<T> {
  readonly atMs: number;
  readonly item: T;
}

/**
 * Many deadlines on one timer: a binary heap by time. Setting an item anew leaves its old place in the heap, where it
 * is skipped when its time comes; so a refresh costs O(log n) and the heap holds at most the refreshes of one period.
 */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #expired: (item: T) => void;
  readonly #heap: Due<T>[] = [];
  readonly #current = new Map<T, Due<T>>();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /** @param expired called once per item whose time has come; it must not throw */
  constructor(clock: Clock, expired: (item: T) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  get size(): number {
    return this.#current.size;
  }

  /** @param atMs wall-clock ms; a time that has passed is due at the next turn of the event loop */
  set(item: T, atMs: number): void {
    const due = { atMs, item };
    this.#current.set(item, due);
    this.#push(due);
    this.#arm();
  }

  delete(item: T): void {
    this.#current.delete(item);
    if (this.#current.size === 0) this.clear();
  }

  clear(): void {
    this.#current.clear();
    this.#heap.length = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || first.atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = first.atMs;
    this.#timer = this.#clock.after(Math.max(0, first.atMs - this.#clock.now()), () => this.#fire());
  }

  #fire(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    const now = this.#clock.now();
    for (let first = this.#heap[0]; first && first.atMs <= now; first = this.#heap[0]) {
      this.#pop();
      if (this.#current.get(first.item) !== first) continue;
      this.#current.delete(first.item);
      this.#expired(first.item);
    }
    this.#arm();
  }

  #push(due: Due<T>): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Due<T>;
      if (above.atMs <= due.atMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Due<T>;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      const child = this.#earlierChild(at);
      const below = heap[child];
      if (!below || below.atMs >= last.atMs) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }

  #earlierChild(at: number): number {
    const left = 2 * at + 1;
    const leftMs = this.#heap[left]?.atMs ?? Number.POSITIVE_INFINITY;
    const rightMs = this.#heap[left + 1]?.atMs ?? Number.POSITIVE_INFINITY;
    return rightMs < leftMs ? left + 1 : left;
  }
}

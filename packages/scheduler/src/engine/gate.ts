/** Lets a limited number of calls run at once; the rest wait in order. */
export class CallGate {
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True if the call may begin now. Otherwise `begin` is called when it is its turn. */
  enter(begin: () => void): boolean {
    if (this.#running < this.#limit) {
      this.#running++;
      return true;
    }
    this.#waiting.add(begin);
    return false;
  }

  /** A waiting call does not want to begin any more. */
  cancel(begin: () => void): void {
    this.#waiting.delete(begin);
  }

  /** A call has ended. */
  leave(): void {
    const next = this.#waiting.values().next();
    if (next.done) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next.value);
    next.value();
  }
}

import type { Clock, Timer } from "@nsmkit/core";

/** A timer that starts an event of a connection, and takes the event back if it has not had its turn. */
export class Alarm {
  readonly #timer: Timer;
  /** Made when it rings: most alarms never do, and there is one for every connection. */
  #event: AbortController | undefined;

  /** @param ring gets the signal to start the event with */
  constructor(clock: Clock, delayMs: number, ring: (signal: AbortSignal) => void) {
    this.#timer = clock.after(delayMs, () => {
      this.#event = new AbortController();
      ring(this.#event.signal);
    });
  }

  /** Nothing will happen; an event that waits for its turn is dropped, one under way is cancelled. */
  cancel(): void {
    this.#timer.cancel();
    this.#event?.abort();
  }

  /** Will not ring; an event that it has started goes on. */
  disarm(): void {
    this.#timer.cancel();
  }
}

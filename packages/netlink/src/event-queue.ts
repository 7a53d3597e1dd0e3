import type { MonitorEvent } from "./api/monitor.ts";
import type { Monitor } from "./api/netlink.ts";

const defaultLimit = 16_384;

/** What a subscription does when it starts and stops to be wanted. */
export interface EventSource {
  close(): Promise<void> | void;
  ref(): void;
  unref(): void;
}

/** The consumer's side of every monitor: keeps events until they are read, within bounds. */
export class EventQueue implements Monitor {
  readonly #limit: number;
  #events: MonitorEvent[] = [];
  #source: EventSource | undefined;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(limit: number = defaultLimit) {
    this.#limit = limit;
  }

  /** The source of the events, once it is open; it is closed with the queue. */
  attach(source: EventSource): void {
    this.#source = source;
  }

  push(event: MonitorEvent): void {
    if (this.#closed) return;
    if (this.#events.length >= this.#limit) {
      // What is here tells less than a fresh read would: one overrun stands for all of it.
      this.#events = [{ type: "overrun" }];
    } else if (event.type !== "overrun" || this.#events.at(-1)?.type !== "overrun") {
      this.#events.push(event);
    }
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MonitorEvent, void, undefined> {
    while (true) {
      const events = this.#events;
      this.#events = [];
      for (const event of events) {
        if (this.#closed) return;
        yield event;
      }
      if (this.#closed) return;
      if (this.#events.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  ref(): void {
    this.#source?.ref();
  }

  unref(): void {
    this.#source?.unref();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#events = [];
    this.#wake?.();
    await this.#source?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

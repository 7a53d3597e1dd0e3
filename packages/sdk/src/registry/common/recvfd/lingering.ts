import { type Clock, systemClock } from "@nsmkit/core";
import type { ReceivedFile } from "../../../transport/api.ts";
import { Deadlines } from "../expire/deadlines.ts";

/**
 * The path of a received file, `/proc/<pid>/fd/<n>`, is also a name: channels are shared by URL, and connections keep
 * it. If the number were used again at once, such a name would lead to another endpoint. So a file stays open for as
 * long as a connection can outlive the registration of its endpoint: the usual life of a token.
 */
const defaultLingerMs = 600_000;

/** Received files that nobody should ask for any more. */
export class LingeringFiles {
  readonly #clock: Clock;
  readonly #lingerMs: number;
  readonly #files = new Set<ReceivedFile>();
  readonly #deadlines: Deadlines<ReceivedFile>;
  #stopped = false;

  constructor(clock: Clock = systemClock, lingerMs: number = defaultLingerMs) {
    this.#clock = clock;
    this.#lingerMs = lingerMs;
    this.#deadlines = new Deadlines(clock, (file) => this.#close(file));
  }

  get size(): number {
    return this.#files.size;
  }

  /** Closes the file later. */
  release(file: ReceivedFile): void {
    if (this.#stopped) {
      void file.close();
      return;
    }
    this.#files.add(file);
    this.#deadlines.set(file, this.#clock.now() + this.#lingerMs);
  }

  /** Closes all now, and from now on at once. */
  stop(): void {
    this.#stopped = true;
    this.#deadlines.clear();
    for (const file of [...this.#files]) this.#close(file);
  }

  #close(file: ReceivedFile): void {
    this.#files.delete(file);
    void file.close();
  }
}

import type { Clock } from "@nsmkit/core";
import type { ReceivedFile } from "../../../transport/api.ts";
import { Deadlines } from "../expire/deadlines.ts";
import { LingeringFiles } from "./lingering.ts";

interface Held {
  readonly endpoint: string;
  readonly file: ReceivedFile;
}

/**
 * Socket files of endpoints that were found, one per endpoint. A file is released when its endpoint is deleted, comes
 * with another file, or has not been heard of until some time after its expiration.
 */
export class FileTable {
  readonly #held = new Map<string, Held>();
  readonly #deadlines: Deadlines<Held>;
  readonly #released: LingeringFiles;

  constructor(clock: Clock) {
    this.#released = new LingeringFiles(clock);
    this.#deadlines = new Deadlines(clock, (held) => this.#release(held));
  }

  get size(): number {
    return this.#held.size;
  }

  /** The endpoint's file, if it is still this one. */
  get(endpoint: string, inodeUrl: string): ReceivedFile | undefined {
    const held = this.#held.get(endpoint);
    return held?.file.inodeUrl === inodeUrl ? held.file : undefined;
  }

  /** Takes over a file. @param untilMs wall-clock ms until which the endpoint is alive if nothing more is heard */
  put(endpoint: string, file: ReceivedFile, untilMs: number): void {
    const before = this.#held.get(endpoint);
    if (before?.file === file) {
      this.#deadlines.set(before, untilMs);
      return;
    }
    if (before) this.#release(before);
    const held = { endpoint, file };
    this.#held.set(endpoint, held);
    this.#deadlines.set(held, untilMs);
  }

  delete(endpoint: string): void {
    const held = this.#held.get(endpoint);
    if (held) this.#release(held);
  }

  /** Closes all files now. */
  stop(): void {
    for (const held of [...this.#held.values()]) this.#release(held);
    this.#released.stop();
  }

  #release(held: Held): void {
    if (this.#held.get(held.endpoint) === held) this.#held.delete(held.endpoint);
    this.#deadlines.delete(held);
    this.#released.release(held.file);
  }
}

import type { Duplex } from "node:stream";
import type { BytePipe, PipeEvents } from "../pipe.ts";

/** A Node stream as a pipe: TCP sockets and TLS. */
export class NodePipe implements BytePipe {
  readonly #stream: Duplex;
  #error: unknown;

  constructor(stream: Duplex) {
    this.#stream = stream;
    // From now on: an error between construction and `start` must not end the process.
    stream.on("error", (error) => {
      this.#error ??= error;
    });
  }

  start(events: PipeEvents): void {
    const stream = this.#stream;
    stream.on("data", (bytes: Buffer) => events.onBytes(bytes));
    stream.on("end", () => events.onEnd());
    stream.on("drain", () => events.onDrain());
    if (stream.closed) process.nextTick(() => events.onClose(this.#error));
    else stream.on("close", () => events.onClose(this.#error));
  }

  write(bytes: Uint8Array): boolean {
    if (this.#stream.destroyed || this.#stream.writableEnded) return true;
    return this.#stream.write(bytes) || this.#stream.writableLength < 65_536;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  destroy(error?: unknown): void {
    this.#error ??= error;
    this.#stream.destroy();
  }
}

import { Duplex } from "node:stream";
import type { BytePipe } from "../pipe.ts";

/** A pipe as a Node stream, for who wants one: TLS. Destroying either destroys both. */
export class PipeDuplex extends Duplex {
  readonly #pipe: BytePipe;
  #drained: (() => void) | undefined;

  constructor(pipe: BytePipe) {
    super({ allowHalfOpen: true });
    this.#pipe = pipe;
    pipe.start({
      onBytes: (bytes) => {
        if (!this.push(bytes)) pipe.pause();
      },
      onEnd: () => this.push(null),
      onDrain: () => {
        const drained = this.#drained;
        this.#drained = undefined;
        drained?.();
      },
      onClose: (error) => this.destroy(error instanceof Error ? error : undefined),
    });
  }

  override _read(): void {
    this.#pipe.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    if (this.#pipe.write(chunk)) done();
    else this.#drained = done;
  }

  override _final(done: () => void): void {
    this.#pipe.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pipe.destroy(error ?? undefined);
    done(error);
  }
}

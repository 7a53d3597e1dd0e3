import type { BytePipe, PipeEvents } from "../transport/pipe.ts";

/** One end of a byte stream in memory. What is written arrives at the other end in a later turn, in pieces of any size. */
export class MemoryPipe implements BytePipe {
  other: MemoryPipe | undefined;
  /** What was written here, for assertions. */
  readonly written: Uint8Array[] = [];
  /** How many bytes may be under way before a writer is asked to wait. */
  highWaterBytes = Number.POSITIVE_INFINITY;
  /** Cuts what arrives into pieces of this size. */
  pieceBytes = Number.POSITIVE_INFINITY;
  #events: PipeEvents | undefined;
  #inbound: Uint8Array[] = [];
  #inboundBytes = 0;
  #paused = false;
  #endReceived = false;
  #delivering = false;
  #closed = false;

  static pair(): [MemoryPipe, MemoryPipe] {
    const [one, two] = [new MemoryPipe(), new MemoryPipe()];
    one.other = two;
    two.other = one;
    return [one, two];
  }

  get closed(): boolean {
    return this.#closed;
  }

  start(events: PipeEvents): void {
    this.#events = events;
    this.#deliverSoon();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed) return true;
    this.written.push(bytes);
    const { other } = this;
    if (!other) return true;
    other.#inbound.push(bytes);
    other.#inboundBytes += bytes.length;
    other.#deliverSoon();
    return other.#inboundBytes <= this.highWaterBytes;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliverSoon();
  }

  end(): void {
    const { other } = this;
    if (!other) return;
    other.#endReceived = true;
    other.#deliverSoon();
  }

  destroy(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    const { other } = this;
    if (other) {
      other.#endReceived = true;
      other.#deliverSoon();
    }
    setImmediate(() => this.#events?.onClose(error));
  }

  #deliverSoon(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    setImmediate(() => {
      this.#delivering = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#events && !this.#paused && !this.#closed && this.#inbound.length > 0) {
      const bytes = this.#inbound.shift() as Uint8Array;
      for (let at = 0; at < bytes.length && !this.#closed; at += this.pieceBytes) {
        this.#events.onBytes(bytes.subarray(at, Math.min(bytes.length, at + this.pieceBytes)));
        if (this.pieceBytes === Number.POSITIVE_INFINITY) break;
      }
      this.#inboundBytes -= bytes.length;
      if (this.#inbound.length === 0 && this.other) this.other.#events?.onDrain();
    }
    if (!this.#endReceived || this.#inbound.length > 0 || this.#closed || this.#paused) return;
    this.#endReceived = false;
    this.#events?.onEnd();
  }
}

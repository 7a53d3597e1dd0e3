import type { BytePipe } from "../pipe.ts";
import { frameHeaderBytes } from "./frame.ts";

const blockBytes = 64 * 1024;

/**
 * Gathers the frames of one turn of the event loop and hands them to the pipe at its end: a hundred small answers are one
 * system call. Memory once handed out is never written again, so that the pipe may keep it.
 */
export class FrameWriter {
  readonly #pipe: BytePipe;
  #block: Buffer = Buffer.allocUnsafeSlow(blockBytes);
  #from = 0;
  #at = 0;
  #scheduled = false;
  #ending = false;
  /** True while the pipe holds back more than it likes; streams then keep their data to themselves. */
  blocked = false;

  constructor(pipe: BytePipe) {
    this.#pipe = pipe;
  }

  /** Bytes gathered and not yet handed to the pipe. */
  get gathered(): number {
    return this.#at - this.#from;
  }

  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const at = this.#open(type, flags, streamId, payload.length);
    this.#block.set(payload, at);
  }

  /** DATA of a part of `bytes`, without a view for it. */
  dataFrame(flags: number, streamId: number, bytes: Uint8Array, from: number, to: number): void {
    const at = this.#open(0, flags, streamId, to - from);
    if (from === 0 && to === bytes.length) this.#block.set(bytes, at);
    else this.#block.set(bytes.subarray(from, to), at);
  }

  /** A frame whose payload is one 32-bit number. */
  numberFrame(type: number, flags: number, streamId: number, value: number): void {
    const at = this.#open(type, flags, streamId, 4);
    this.#block.writeUInt32BE(value, at);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#block.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#schedule();
  }

  /** Hands over what was gathered, then ends our direction of the pipe. */
  end(): void {
    this.#ending = true;
    this.#schedule();
  }

  flush(): void {
    if (this.#at > this.#from) {
      const bytes = this.#block.subarray(this.#from, this.#at);
      this.#from = this.#at;
      if (!this.#pipe.write(bytes)) this.blocked = true;
    }
    if (this.#ending) this.#pipe.end();
  }

  #open(type: number, flags: number, streamId: number, length: number): number {
    this.#reserve(frameHeaderBytes + length);
    const block = this.#block;
    const at = this.#at;
    block.writeUIntBE(length, at, 3);
    block[at + 3] = type;
    block[at + 4] = flags;
    block.writeUInt32BE(streamId, at + 5);
    this.#at = at + frameHeaderBytes + length;
    this.#schedule();
    return at + frameHeaderBytes;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#block.length) return;
    this.flush();
    this.#block = Buffer.allocUnsafeSlow(Math.max(blockBytes, bytes));
    this.#from = 0;
    this.#at = 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#onTick);
  }

  readonly #onTick = (): void => {
    this.#scheduled = false;
    this.flush();
  };
}

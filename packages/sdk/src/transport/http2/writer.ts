import type { BytePipe } from "../pipe.ts";
import { frameHeaderBytes } from "./frame.ts";

const blockBytes = 64 * 1024;
/** What is left of a block is used on down to here. */
const smallestRestBytes = 4096;

/** The unused rest of a block between two turns, for whichever connection writes next: idle ones hold no memory. */
let spare: Buffer | undefined;

const none = Buffer.alloc(0);

/**
 * Gathers the frames of one turn of the event loop and hands them to the pipe at its end: a hundred small answers are one
 * system call. Memory once handed out is never written again, so that the pipe may keep it.
 */
export class FrameWriter {
  readonly #pipe: BytePipe;
  #block: Buffer = none;
  #at = 0;
  #scheduled = false;
  #ending = false;
  /** True while the pipe holds back more than it likes; streams then keep their data to themselves. */
  blocked = false;

  constructor(pipe: BytePipe) {
    this.#pipe = pipe;
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
    const block = this.#block;
    const end = this.#at;
    this.#block = none;
    this.#at = 0;
    if (block.length - end >= smallestRestBytes) spare = block.subarray(end);
    if (end > 0 && !this.#pipe.write(block.subarray(0, end))) this.blocked = true;
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
    if (this.#at > 0) this.flush();
    const rest = spare;
    spare = undefined;
    this.#block = rest && rest.length >= bytes ? rest : Buffer.allocUnsafeSlow(Math.max(blockBytes, bytes));
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

/** What comes out of a pipe. `onClose` is the last call and comes exactly once. */
export interface PipeEvents {
  /** The bytes are the receiver's to keep. */
  onBytes(bytes: Uint8Array): void;
  /** The peer sends no more. */
  onEnd(): void;
  /** What `write` held back has left. */
  onDrain(): void;
  onClose(error: unknown): void;
}

/** A connected byte stream in both directions, without the machinery of a Node stream. Nothing flows before `start`. */
export interface BytePipe {
  start(events: PipeEvents): void;
  /** Takes all of `bytes`, which must not change afterwards. @returns false when the caller should wait for `onDrain` */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** Sends what is held back, then ends our direction. */
  end(): void;
  destroy(error?: unknown): void;
}

/** Above this much unsent data a writer is asked to wait. */
export const pipeHighWaterBytes = 256 * 1024;

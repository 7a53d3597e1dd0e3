import { ConnectionError, ErrorCode } from "./frame.ts";

/** Frames in a row that only cost us work, RFC 9113 section 10.5: beyond it the peer is not well-meaning. */
const idleFramesAllowed = 32_768;
/** Answers that may wait for a peer that asks but does not read. */
const unreadAnswerBytes = 1024 * 1024;

/** Counts what a peer may do only so often. @throws ConnectionError ENHANCE_YOUR_CALM, each of its methods */
export class AbuseGuard {
  #idleFrames = 0;
  #unreadBytes = 0;

  /** A frame came that did nothing: an empty one, or one for a stream that is over. */
  idleFrame(): void {
    this.#idleFrames++;
    if (this.#idleFrames > idleFramesAllowed) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many frames without effect");
    }
  }

  /** A frame came that moved something on. */
  usefulFrame(): void {
    this.#idleFrames = 0;
  }

  /** Answers to control frames are never held back: a peer that does not read must not get any number of them. */
  answered(bytes: number, blocked: boolean): void {
    if (!blocked) return;
    this.#unreadBytes += bytes;
    if (this.#unreadBytes > unreadAnswerBytes) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "the peer asks and does not read the answers");
    }
  }

  /** The peer reads again. */
  drained(): void {
    this.#unreadBytes = 0;
  }
}

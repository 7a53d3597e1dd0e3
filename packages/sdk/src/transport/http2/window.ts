/** What a peer may send us before it has to wait, RFC 9113 section 5.2. */
export class ReceiveWindow {
  readonly #size: number;
  #left: number;
  #taken = 0;

  constructor(size: number) {
    this.#size = size;
    this.#left = size;
  }

  /** Counts what came. @returns false when the peer sent more than it may */
  take(bytes: number): boolean {
    this.#left -= bytes;
    this.#taken += bytes;
    return this.#left >= 0;
  }

  /** Gives back what was taken, if it is worth a frame. @returns bytes for a WINDOW_UPDATE, 0 for none */
  restore(): number {
    if (this.#taken * 2 < this.#size) return 0;
    const bytes = this.#taken;
    this.#left += bytes;
    this.#taken = 0;
    return bytes;
  }
}

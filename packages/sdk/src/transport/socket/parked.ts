import { closeSync } from "node:fs";
import { abortable, type Clock, CodedError, Deferred, type Timer } from "@nsmkit/core";
import { inodeUrlOfFd } from "../inode.ts";
import { duplicate } from "./libc.ts";

/** Files of one connection that wait for somebody to ask for them, at most. A peer that sends more loses the oldest. */
const maxParked = 512;

/**
 * How long a file waits, ms. A sender sends it again with each request that names it, so that it need not be kept for the
 * life of a connection that thousands of requests share.
 */
const parkedLifeMs = 60_000;

/** Descriptors that arrived on one connection, by inode. */
export class ParkedFiles {
  readonly #clock: Clock;
  /** In the order of last use, so that the first is the one to drop. */
  readonly #files = new Map<string, { fd: number; usedAtMs: number }>();
  readonly #waiting = new Map<string, Deferred<void>>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#files.size;
  }

  /** Takes a descriptor over. A second one of the same file is closed. */
  park(fd: number): void {
    let url: string;
    try {
      url = inodeUrlOfFd(fd);
    } catch {
      closeSync(fd);
      return;
    }
    const known = this.#files.get(url);
    if (this.#closed || known) closeSync(fd);
    if (this.#closed) return;
    this.#use(url, known?.fd ?? fd);
    if (this.#files.size > maxParked) {
      const [oldest] = this.#files.keys();
      this.#drop(oldest as string);
    }
    this.#waiting.get(url)?.resolve();
    this.#waiting.delete(url);
  }

  /** Waits for a file and duplicates its descriptor. @throws CLOSED, ABORTED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED */
  async take(url: string, signal: AbortSignal): Promise<number> {
    for (;;) {
      if (this.#closed) throw new CodedError("CLOSED", `the connection closed before the file ${url} came`);
      const file = this.#files.get(url);
      if (file) {
        this.#use(url, file.fd);
        return this.#duplicate(file.fd, url);
      }
      let wait = this.#waiting.get(url);
      if (!wait) {
        wait = new Deferred<void>();
        wait.promise.catch(() => {});
        this.#waiting.set(url, wait);
      }
      await abortable(wait.promise, signal, `waiting for the file ${url}`);
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { fd } of this.#files.values()) closeSync(fd);
    this.#files.clear();
    for (const wait of this.#waiting.values()) wait.resolve();
    this.#waiting.clear();
  }

  #duplicate(fd: number, url: string): number {
    try {
      return duplicate(fd);
    } catch (cause) {
      throw new CodedError(
        "RESOURCE_EXHAUSTED",
        `no descriptor left for the file ${url}; raise the limit of open files`,
        {
          cause,
        },
      );
    }
  }

  #use(url: string, fd: number): void {
    this.#files.delete(url);
    this.#files.set(url, { fd, usedAtMs: this.#clock.monotonic() });
    this.#timer ??= this.#clock.after(parkedLifeMs, () => this.#sweep());
  }

  #drop(url: string): void {
    const file = this.#files.get(url);
    if (!file) return;
    this.#files.delete(url);
    closeSync(file.fd);
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (const [url, { usedAtMs }] of this.#files) {
      const leftMs = usedAtMs + parkedLifeMs - now;
      if (leftMs > 0) {
        this.#timer = this.#clock.after(leftMs, () => this.#sweep());
        return;
      }
      this.#drop(url);
    }
  }
}

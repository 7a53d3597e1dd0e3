import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const defaultLimit = 5 * 1024 * 1024;

/**
 * The output of one program, in a file that is renamed to `.1` when it has grown to the limit. Written at once, so that
 * the last words of a program are there when it has ended.
 */
export class LogFile {
  readonly path: string;
  readonly #limit: number;
  #fd: number | undefined;
  #size = 0;

  constructor(path: string, options: { limitBytes?: number } = {}) {
    this.path = path;
    this.#limit = options.limitBytes ?? defaultLimit;
  }

  /** A full disk must not end the lab: what cannot be written is lost and the program runs on. */
  write(chunk: Buffer | string): void {
    try {
      this.#fd ??= this.#open();
      writeSync(this.#fd, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
      this.#size += chunk.length;
      if (this.#size < this.#limit) return;
      renameSync(this.path, `${this.path}.1`);
      this.close();
    } catch {
      this.close();
    }
  }

  /** A line of the lab itself among those of the program. */
  note(text: string): void {
    this.write(`--- ${new Date().toISOString()} ${text}\n`);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    mkdirSync(dirname(this.path), { recursive: true });
    const fd = openSync(this.path, "a");
    this.#size = fstatSync(fd).size;
    return fd;
  }
}

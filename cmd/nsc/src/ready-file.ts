import { rm, writeFile } from "node:fs/promises";
import { type Logger, messageOf } from "@nsmkit/core";

/** A file that exists while something is true. Changes are written one after the other; the last one counts. */
export class ReadyFile {
  readonly #path: string | undefined;
  readonly #logger: Logger;
  #last: Promise<void> = Promise.resolve();
  #ready: boolean | undefined;

  /** @param path undefined: nothing is written */
  constructor(path: string | undefined, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  set(ready: boolean): Promise<void> {
    if (ready !== this.#ready && this.#path !== undefined) {
      const path = this.#path;
      this.#last = this.#last.then(() => this.#write(path, ready));
    }
    this.#ready = ready;
    return this.#last;
  }

  async #write(path: string, ready: boolean): Promise<void> {
    try {
      if (ready) await writeFile(path, "");
      else await rm(path, { force: true });
    } catch (error) {
      this.#logger.error("the ready file cannot be written; set NSM_READY_FILE to another path", {
        path,
        reason: messageOf(error),
      });
    }
  }
}

import { isObject } from "../documents/object.ts";

/** Enough for the last line that a program wrote. */
const keptLength = 4096;

/** Remembers what a program said last, because that is mostly why it ended. */
export class LastWords {
  #text = "";

  add(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString("utf8")).slice(-keptLength);
  }

  clear(): void {
    this.#text = "";
  }

  /** The last line that is not empty; of a JSON log its message and reason. */
  get line(): string {
    const line = this.#text.trimEnd().split("\n").at(-1)?.trim() ?? "";
    try {
      const entry: unknown = JSON.parse(line);
      if (isObject(entry) && typeof entry.msg === "string")
        return typeof entry.reason === "string" ? `${entry.msg}: ${entry.reason}` : entry.msg;
    } catch {
      // Not a JSON log.
    }
    return line.slice(0, 300);
  }
}

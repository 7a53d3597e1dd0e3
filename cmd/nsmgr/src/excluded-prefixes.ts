import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { CodedError, type Logger, messageOf } from "@nsmkit/core";
import { parse } from "yaml";

/** Polled: the file is a mount that is swapped as a whole, which file events do not tell of. */
const defaultPollMs = 1_000;

/** A list of prefixes that follows its file. */
export class ExcludedPrefixes implements Disposable {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #pollMs: number;
  #prefixes: readonly string[] = [];

  constructor(path: string, logger: Logger, pollMs: number = defaultPollMs) {
    this.#path = path;
    this.#logger = logger;
    this.#pollMs = pollMs;
  }

  get prefixes(): readonly string[] {
    return this.#prefixes;
  }

  /** Reads the file and follows it. A file that is missing or wrong leaves the prefixes as they are. */
  async start(): Promise<void> {
    await this.#read();
    watchFile(this.#path, { interval: this.#pollMs, persistent: false }, this.#changed);
  }

  readonly #changed = (): void => void this.#read();

  async #read(): Promise<void> {
    try {
      this.#prefixes = parseExcludedPrefixes(await readFile(this.#path, "utf8"));
      this.#logger.info("excluded prefixes read", { path: this.#path, prefixes: this.#prefixes });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
      this.#logger.error("the excluded prefixes cannot be read; the former ones stay", {
        path: this.#path,
        reason: messageOf(error),
      });
    }
  }

  [Symbol.dispose](): void {
    unwatchFile(this.#path, this.#changed);
  }
}

/** @throws INVALID_CONFIG for anything but `prefixes:` with a list of CIDRs; an empty document is an empty list */
export function parseExcludedPrefixes(text: string): readonly string[] {
  let document: unknown;
  try {
    document = parse(text) ?? {};
  } catch (cause) {
    throw new CodedError("INVALID_CONFIG", "excluded prefixes: this is no YAML", { cause });
  }
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw wrong("the document is no mapping; write `prefixes:` and a list of CIDRs");
  const { prefixes = [], ...others } = document as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw wrong(`unknown field "${other}"; the only field is "prefixes"`);
  const list = prefixes ?? [];
  if (!Array.isArray(list)) throw wrong("prefixes is no list; write one CIDR per item");
  return list.map(prefixOf);
}

function prefixOf(value: unknown, at: number): string {
  if (typeof value === "string") {
    const [, address = "", length = ""] = /^([^/]+)\/(\d{1,3})$/.exec(value.trim()) ?? [];
    const family = isIP(address);
    if (family !== 0 && Number(length) <= (family === 4 ? 32 : 128)) return value.trim();
  }
  throw wrong(`prefixes[${at}] ${JSON.stringify(value)} is no CIDR; write e.g. "10.96.0.0/12"`);
}

const wrong = (problem: string): CodedError => new CodedError("INVALID_CONFIG", `excluded prefixes: ${problem}`);

import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { equals } from "@bufbuild/protobuf";
import type { ModelRegistry } from "@nsmkit/api/model";
import { type Clock, type Closable, CodedError, type Logger, messageOf, silentLogger, systemClock } from "@nsmkit/core";
import type { Item } from "../item.ts";
import type { Northbound } from "../northbound.ts";
import { Problems } from "../problems.ts";
import type { Change } from "../store.ts";
import { type Declaration, readDeclaration } from "./document.ts";
import { DirectoryWatch } from "./watch.ts";

export interface FileSourceOptions {
  /** Files, and directories of which every .yaml, .yml and .json counts, not those below them. */
  readonly paths: readonly string[];
  /** Files that are read once, at the start. */
  readonly initial?: readonly string[];
  readonly models: ModelRegistry;
  readonly label: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** What became of a file. */
export interface FileStatus {
  readonly path: string;
  /** Values in force from this file. */
  readonly items: number;
  /** What is wrong with its present content; the last good one stays in force. */
  readonly error?: string;
}

/** What was last seen of a file. */
interface Known {
  readonly content: string;
  /** Of the file when `content` was read; see `stampOf`. */
  stamp?: string | undefined;
  readonly error?: string;
  /** Keys of its last good content. */
  readonly keys: ReadonlySet<string>;
}

const maxBytes = 16 * 1024 * 1024;
const counts = /^[^.].*\.(ya?ml|json)$/;

/** Source of the items of one file. Sorts before "datasync", so that a key-value store overrides files. */
export const sourceOfFile = (path: string): string => `config-file:${path}`;

/** Declarations in files: each file is a source of its own, and a change of it is one transaction. */
export class FileSource implements Closable {
  readonly #options: FileSourceOptions;
  readonly #logger: Logger;
  readonly #northbound: Northbound;
  readonly #known = new Map<string, Known>();
  #watch: DirectoryWatch | undefined;
  #scanning: Promise<void> | undefined;
  #again = false;

  constructor(northbound: Northbound, options: FileSourceOptions) {
    this.#northbound = northbound;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  get status(): FileStatus[] {
    return [...this.#known].map(([path, { error }]) => ({
      path,
      items: this.#northbound.store.itemsOf(sourceOfFile(path)).size,
      ...(error === undefined ? {} : { error }),
    }));
  }

  /**
   * Reads everything there is.
   * @returns the changes that the files ask for; files that are wrong are left out and show in `status`
   */
  async load(): Promise<{ changes: readonly Change[]; complete: boolean }> {
    const changes: Change[] = [];
    let complete = true;
    const paths = [...(this.#options.initial ?? []).map((path) => resolve(path)), ...(await this.#present())];
    for (const path of paths) {
      const content = await read(path);
      if (content === undefined) continue;
      const change = this.#changeOf(path, content, (candidate) => this.#northbound.check([...changes, candidate]));
      if (change) changes.push(change);
      else complete = false;
    }
    return { changes, complete };
  }

  /** Begins to follow the paths. */
  start(): void {
    const paths = this.#options.paths.map((path) => resolve(path));
    if (paths.length === 0) return;
    const directories = paths.flatMap((path) => [path, dirname(path)]);
    this.#watch = new DirectoryWatch(directories, () => this.#scan(), {
      clock: this.#options.clock ?? systemClock,
      logger: this.#logger,
    });
    this.#watch.start();
  }

  async close(): Promise<void> {
    this.#watch?.close();
    await this.#scanning;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #scan(): void {
    if (this.#scanning) {
      this.#again = true;
      return;
    }
    this.#scanning = this.#scanOnce()
      .catch((error: unknown) => this.#logger.error("configuration files cannot be read", { error }))
      .finally(() => {
        this.#scanning = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#scan();
      });
  }

  async #scanOnce(): Promise<void> {
    const present = await this.#present();
    for (const path of present) {
      const stamp = await stampOf(path);
      if (stamp !== undefined && stamp === this.#known.get(path)?.stamp) continue;
      const content = await read(path);
      if (content !== undefined && content !== this.#known.get(path)?.content) this.#apply(path, content);
      const known = this.#known.get(path);
      if (known) known.stamp = stamp;
    }
    const initial = new Set((this.#options.initial ?? []).map((path) => resolve(path)));
    for (const path of [...this.#known.keys()]) {
      if (present.includes(path) || initial.has(path)) continue;
      this.#known.delete(path);
      this.#logger.info("configuration file is gone, its values are withdrawn", { path });
      this.#northbound.apply([{ source: sourceOfFile(path), replace: true }], { description: `${path} removed` });
    }
    // A file may have been refused only for what another one said.
    for (const path of present) {
      const known = this.#known.get(path);
      if (known?.error !== undefined) this.#apply(path, known.content);
    }
  }

  #apply(path: string, content: string): void {
    const change = this.#changeOf(path, content, (candidate) => this.#northbound.check([candidate]));
    if (!change) return;
    this.#northbound.apply([change], { description: path });
  }

  /** What a content asks for, compared with what is in force from the file; undefined when it is wrong. */
  #changeOf(path: string, content: string, check: (change: Change) => void): Change | undefined {
    const before = this.#known.get(path);
    try {
      const { models, label } = this.#options;
      if (content.startsWith(unreadable))
        throw new CodedError("INVALID_CONFIG", `${path}: cannot be read: ${content.slice(unreadable.length)}`);
      const declaration = readDeclaration(content, { name: path, models, label });
      this.#refuseTwins(path, declaration.items);
      const change = this.#difference(path, declaration.items);
      check(change);
      if (before?.content !== content || before.error !== undefined) this.#tell(path, declaration);
      this.#known.set(path, { content, keys: new Set(declaration.items.map((item) => item.key)) });
      return change;
    } catch (error) {
      const text = messageOf(error);
      if (before?.error !== text)
        this.#logger.error("configuration file is refused, what it said before stays in force", { path, error });
      this.#known.set(path, { content, error: text, keys: before?.keys ?? new Set() });
      return undefined;
    }
  }

  /** Which of two files would win depends on their names alone, which nobody means. */
  #refuseTwins(path: string, items: readonly Item[]): void {
    const problems = new Problems();
    for (const item of items) {
      const other = [...this.#known].find(([owner, { keys }]) => owner !== path && keys.has(item.key));
      if (other) problems.add(item.place, `${item.key} is declared in ${other[0]} too; keep one`);
    }
    problems.throwIfAny();
  }

  #difference(path: string, items: readonly Item[]): Change {
    const before = this.#northbound.store.itemsOf(sourceOfFile(path));
    const keys = new Set(items.map((item) => item.key));
    return {
      source: sourceOfFile(path),
      put: items.filter((item) => !same(before.get(item.key), item)),
      delete: [...before.keys()].filter((key) => !keys.has(key)),
    };
  }

  #tell(path: string, { items, ignored }: Declaration): void {
    this.#logger.info("configuration file read", {
      path,
      values: items.length,
      ...(ignored.length > 0 ? { ignored } : {}),
    });
  }

  async #present(): Promise<string[]> {
    const found: string[] = [];
    for (const path of this.#options.paths.map((given) => resolve(given))) {
      const entry = await stat(path).catch(() => undefined);
      if (entry?.isDirectory())
        found.push(...(await readdir(path)).filter((name) => counts.test(name)).map((name) => join(path, name)));
      else if (entry) found.push(path);
    }
    return [...new Set(found)].sort();
  }
}

function same(before: Item | undefined, item: Item): boolean {
  return before !== undefined && before.model === item.model && equals(item.model.schema, before.value, item.value);
}

/** A file's clock may stand still between two writes for this long, ms. */
const coarseMs = 1_000;

/** What changes when a file does; undefined while it may change without that, because it was written just now. */
async function stampOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (!found || Date.now() - Number(found.mtimeMs) < coarseMs) return undefined;
  return `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
}

/** The text of a file; undefined when it is gone. What cannot be read is a text that no reader accepts. */
async function read(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) return `${unreadable}${size} bytes; files of more than ${maxBytes} are not read`;
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    return `${unreadable}${messageOf(error)}`;
  }
}

/** No YAML begins with this, so that such a content is never mistaken for a file's own. */
const unreadable = "\0unreadable: ";

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "@nsmkit/core";
import { parseDuration } from "@nsmkit/core/config";
import { isObject } from "../northbound/files/object.ts";
import { readYaml } from "../northbound/files/yaml.ts";

/** Where the configuration files of the agent's parts are (cn-infra config). */
export interface ConfPlaces {
  /** CONFIG_DIR; default ".". */
  readonly directory?: string | undefined;
}

/**
 * Reads the configuration file of a part: tried as given, then under the directory.
 * @param given the value of X_CONFIG: undefined for `<part>.conf`, "" to switch the part off
 * @returns undefined when there is none
 * @throws CodedError INVALID_CONFIG naming file and place
 */
export async function readConf(part: string, given: string | undefined, places: ConfPlaces): Promise<Conf | undefined> {
  if (given === "") return undefined;
  const name = given ?? `${part}.conf`;
  for (const path of [name, join(places.directory ?? ".", name)]) {
    const text = await textOf(path);
    if (text === undefined) continue;
    const [document, ...more] = readYaml(text, { name: path });
    if (more.length > 0)
      throw new CodedError("INVALID_CONFIG", `${path}: holds ${more.length + 1} documents; write one`);
    const value = document?.value ?? {};
    if (!isObject(value))
      throw new CodedError("INVALID_CONFIG", `${path}: is no object; write settings as "name: value"`);
    return new Conf(path, value);
  }
  // Ligato's images name files that only some deployments mount; a missing one switches the part off there too.
  return undefined;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    throw new CodedError("INVALID_CONFIG", `${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Settings of one file. Every reader says what is wrong with file, field, value and remedy. Names count without case
 * and dashes: the original reads some of its documented names only in the spelling of its Go fields.
 */
export class Conf {
  readonly path: string;
  /** Of a part of the file: "rate-limiter." */
  readonly #prefix: string;
  readonly #values: ReadonlyMap<string, { readonly name: string; readonly value: unknown }>;
  readonly #asked = new Set<string>();

  constructor(path: string, values: Readonly<Record<string, unknown>>, prefix = "") {
    this.path = path;
    this.#prefix = prefix;
    const known = new Map<string, { name: string; value: unknown }>();
    for (const [name, value] of Object.entries(values)) {
      const twin = known.get(plain(name));
      if (twin)
        throw new CodedError("INVALID_CONFIG", `${path}: "${prefix}${name}" is "${prefix}${twin.name}" too; keep one`);
      known.set(plain(name), { name, value });
    }
    this.#values = known;
  }

  text(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === "string") return value;
    throw this.wrong(name, value, "must be text");
  }

  flag(name: string): boolean | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.wrong(name, value, "must be true or false");
  }

  number(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0)) return value;
    throw this.wrong(name, value, "must be a whole number, 0 or more");
  }

  /** Any number, 0 or more. */
  decimal(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined || (typeof value === "number" && Number.isFinite(value) && value >= 0)) return value;
    throw this.wrong(name, value, "must be a number, 0 or more");
  }

  /** ms. In the file: text with a unit ("60s"), or a plain number of nanoseconds as in the original's files. */
  durationMs(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value / 1_000_000;
    try {
      if (typeof value === "string") return parseDuration(value);
    } catch {
      // Told below, with the file's name.
    }
    throw this.wrong(name, value, 'must be a duration such as "750ms", "10s" or "1h30m"');
  }

  texts(name: string): readonly string[] | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value as string[];
    throw this.wrong(name, value, "must be a list of texts");
  }

  /** Settings below a name. */
  part(name: string): Conf | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (isObject(value)) return new Conf(this.path, value, `${this.#prefix}${name}.`);
    throw this.wrong(name, value, 'must be settings written as "name: value"');
  }

  /** A list of settings. */
  parts(name: string): readonly Conf[] | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every(isObject))
      return value.map((entry, i) => new Conf(this.path, entry, `${this.#prefix}${name}[${i}].`));
    throw this.wrong(name, value, 'must be a list of settings written as "name: value"');
  }

  /** Settings that are known and need nothing done. */
  accept(...names: readonly string[]): void {
    for (const name of names) this.#asked.add(plain(name));
  }

  /** Settings in the file that nobody asked for: misspelt, or of a feature that this agent lacks. */
  unused(): string[] {
    return [...this.#values].flatMap(([key, { name }]) => (this.#asked.has(key) ? [] : [`${this.#prefix}${name}`]));
  }

  /** The error for a value of this file; secrets are not shown. */
  wrong(name: string, value: unknown, expected: string): CodedError {
    const shown = /password|token-signature|sign-key|basic-auth/.test(name) ? "not accepted" : JSON.stringify(value);
    return new CodedError("INVALID_CONFIG", `${this.path}: "${this.#prefix}${name}" is ${shown}, ${expected}`);
  }

  #get(name: string): unknown {
    this.#asked.add(plain(name));
    return this.#values.get(plain(name))?.value ?? undefined;
  }
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}

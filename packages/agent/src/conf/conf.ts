import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "@nsmkit/core";
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

/** Settings of one file. Every reader says what is wrong with file, field, value and remedy. */
export class Conf {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(path: string, values: Readonly<Record<string, unknown>>) {
    this.path = path;
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === "string") return value;
    throw this.#wrong(name, value, "must be text");
  }

  flag(name: string): boolean | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.#wrong(name, value, "must be true or false");
  }

  number(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0)) return value;
    throw this.#wrong(name, value, "must be a whole number, 0 or more");
  }

  texts(name: string): readonly string[] | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value as string[];
    throw this.#wrong(name, value, "must be a list of texts");
  }

  /** Settings in the file that nobody asked for: misspelt, or of a feature that this agent lacks. */
  unused(): string[] {
    return Object.keys(this.#values).filter((name) => !this.#asked.has(name));
  }

  #get(name: string): unknown {
    this.#asked.add(name);
    return this.#values[name] ?? undefined;
  }

  #wrong(name: string, value: unknown, expected: string): CodedError {
    return new CodedError("INVALID_CONFIG", `${this.path}: "${name}" is ${JSON.stringify(value)}, ${expected}`);
  }
}

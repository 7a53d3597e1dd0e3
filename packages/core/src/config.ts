import {
  parseBoolean,
  parseDuration,
  parseInteger,
  parseList,
  parseMap,
  parseUrl,
  ValueError,
} from "./config-values.ts";
import { CodedError } from "./errors.ts";

export { formatDuration, parseDuration, parseListenAddress, parseUrl, ValueError } from "./config-values.ts";

interface SettingBase {
  /** Full environment name, prefix included: "NSM_LISTEN_ON". */
  readonly env: string;
  /** Other names of the same setting, tried in order after `env`. */
  readonly aliases?: readonly string[];
  /** One line for the documentation. */
  readonly text: string;
  /** As it would be written in the environment; goes through the same reader. */
  readonly default?: string;
  /** Missing is an error. Never together with `default`. */
  readonly required?: boolean;
  /**
   * Says what a variable that is set but empty means. Such a setting becomes "", [], {} or undefined (by type).
   * Without it an empty variable counts as unset, because manifests often carry `value: ""`.
   */
  readonly empty?: string;
  /** Keep the value out of messages. */
  readonly secret?: boolean;
}

interface Checked<T> {
  /** A rule beyond the type: throws a `ValueError`. */
  readonly check?: (value: T) => void;
}

export type Setting = SettingBase &
  (
    | ({ readonly type: "string" } & Checked<string>)
    | ({ readonly type: "path" } & Checked<string>)
    | ({ readonly type: "boolean" } & Checked<boolean>)
    | ({
        readonly type: "integer";
        readonly unit?: string;
        readonly min?: number;
        readonly max?: number;
      } & Checked<number>)
    /** Value in ms. `min` and `max` in ms too; min defaults to 0. */
    | ({ readonly type: "duration"; readonly min?: number; readonly max?: number } & Checked<number>)
    | ({ readonly type: "enum"; readonly values: readonly string[] } & Checked<string>)
    | ({ readonly type: "list" } & Checked<readonly string[]>)
    | ({ readonly type: "map" } & Checked<Readonly<Record<string, string>>>)
    /** `schemes` default to unix and tcp. */
    | ({ readonly type: "url"; readonly schemes?: readonly string[] } & Checked<string>)
    | ({ readonly type: "urls"; readonly schemes?: readonly string[] } & Checked<readonly string[]>)
  );

/** Settings of one program by the name that its code uses. Write it with `as const satisfies SettingsSpec`. */
export type SettingsSpec = Readonly<Record<string, Setting>>;

interface ValueOf {
  string: string;
  path: string;
  boolean: boolean;
  integer: number;
  duration: number;
  list: readonly string[];
  map: Readonly<Record<string, string>>;
  url: string;
  urls: readonly string[];
}
type Value<S> = S extends { type: "enum"; values: readonly (infer V)[] }
  ? V
  : S extends { type: infer T extends keyof ValueOf }
    ? ValueOf[T]
    : never;
type Given<S> = S extends { default: string } | { required: true } ? Value<S> : Value<S> | undefined;
/** What an empty variable becomes when the setting gives it a meaning. */
type Emptied<S> = S extends { empty: string; type: "url" | "boolean" | "integer" | "duration" | "enum" | "path" }
  ? undefined
  : never;

/** The typed values of a spec. */
export type ConfigOf<S extends SettingsSpec> = { readonly [K in keyof S]: Given<S[K]> | Emptied<S[K]> };

export interface ConfigProblem {
  readonly name: string;
  readonly value: string | undefined;
  readonly problem: string;
  readonly remedy: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a program's settings.
 * @throws CodedError INVALID_CONFIG with one line per wrong setting; `details.problems` holds them as `ConfigProblem[]`
 */
export function parseConfig<const S extends SettingsSpec>(spec: S, env: Environment): ConfigOf<S> {
  const values: Record<string, unknown> = {};
  const problems: ConfigProblem[] = [];
  for (const [key, setting] of Object.entries(spec)) {
    const { name, text } = find(setting, env);
    try {
      values[key] = read(setting, text);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      const value = setting.secret && text !== undefined ? "***" : text;
      problems.push({ name, value, problem: error.message, remedy: error.remedy });
    }
  }
  if (problems.length > 0)
    throw new CodedError("INVALID_CONFIG", problems.map(describe).join("\n"), { details: { problems } });
  return values as ConfigOf<S>;
}

function describe({ name, value, problem, remedy }: ConfigProblem): string {
  return `${name}${value === undefined ? "" : `=${JSON.stringify(value)}`}: ${problem}; ${remedy}`;
}

function find(setting: Setting, env: Environment): { name: string; text: string | undefined } {
  const names = [setting.env, ...(setting.aliases ?? [])];
  const filled = names.find((name) => (env[name] ?? "").trim() !== "");
  if (filled !== undefined) return { name: filled, text: env[filled]?.trim() };
  const emptied = setting.empty === undefined ? undefined : names.find((name) => env[name] !== undefined);
  return { name: emptied ?? setting.env, text: emptied === undefined ? undefined : "" };
}

function read(setting: Setting, text: string | undefined): unknown {
  if (text === "") return emptyValue(setting);
  const source = text ?? setting.default;
  if (source === undefined) {
    if (setting.required) throw new ValueError("is required", `set it: ${setting.text}`);
    return undefined;
  }
  if (source === "") return emptyValue(setting);
  return readers[setting.type](setting as never, source);
}

function emptyValue(setting: Setting): unknown {
  if (setting.type === "string") return "";
  if (setting.type === "list" || setting.type === "urls") return [];
  return setting.type === "map" ? {} : undefined;
}

type Of<T extends Setting["type"]> = Extract<Setting, { type: T }>;

const readers: { [T in Setting["type"]]: (setting: Of<T>, text: string) => unknown } = {
  string: (setting, text) => checked(setting, text),
  path: (setting, text) => {
    if (!text.startsWith("/")) throw new ValueError("not an absolute path", 'start it with "/"');
    return checked(setting, text);
  },
  boolean: (setting, text) => checked(setting, parseBoolean(text)),
  integer: (setting, text) => checked(setting, inRange(parseInteger(text), setting.min, setting.max)),
  duration: (setting, text) => {
    const ms = parseDuration(text);
    inRange(ms, setting.min ?? 0, setting.max, " ms");
    return checked(setting, ms);
  },
  enum: (setting, text) => {
    const value = setting.values.find((known) => known.toLowerCase() === text.toLowerCase());
    if (value === undefined) throw new ValueError("unknown word", `write one of ${setting.values.join(", ")}`);
    return checked(setting, value);
  },
  list: (setting, text) => checked(setting, parseList(text)),
  map: (setting, text) => checked(setting, parseMap(text)),
  url: (setting, text) => checked(setting, parseUrl(text, setting.schemes)),
  urls: (setting, text) =>
    checked(
      setting,
      parseList(text).map((entry) => parseUrl(entry, setting.schemes)),
    ),
};

function checked<T>(setting: Checked<T>, value: T): T {
  setting.check?.(value);
  return value;
}

function inRange(value: number, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, unit = ""): number {
  if (value < min) throw new ValueError("too small", `write at least ${min}${unit}`);
  if (value > max) throw new ValueError("too large", `write at most ${max}${unit}`);
  return value;
}

/** The settings as a Markdown table: name, type, default, meaning. */
export function settingsTable(spec: SettingsSpec): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const rows = Object.values(spec).map((setting) => {
    const names = [setting.env, ...(setting.aliases ?? [])].map((name) => `\`${name}\``).join(", ");
    const preset = setting.required ? "required" : setting.default ? `\`${setting.default}\`` : "";
    const text = setting.empty === undefined ? setting.text : `${setting.text} Set but empty: ${setting.empty}`;
    return `| ${names} | ${cell(typeText(setting))} | ${cell(preset)} | ${cell(text)} |`;
  });
  return ["| Name | Type | Default | Meaning |", "|---|---|---|---|", ...rows, ""].join("\n");
}

/** The same for a terminal: one block per setting. */
export function settingsUsage(spec: SettingsSpec): string {
  return Object.values(spec)
    .map((setting) => {
      const preset = setting.required ? "required" : setting.default ? `default ${setting.default}` : "no default";
      const names = [setting.env, ...(setting.aliases ?? [])].join(", ");
      const text = setting.empty === undefined ? setting.text : `${setting.text} Set but empty: ${setting.empty}`;
      return `  ${names} (${typeText(setting)}, ${preset})\n      ${text}\n`;
    })
    .join("");
}

function typeText(setting: Setting): string {
  switch (setting.type) {
    case "enum":
      return setting.values.join(", ");
    case "integer":
      return setting.unit ? `integer, ${setting.unit}` : "integer";
    case "map":
      return "map k:v,k:v";
    case "list":
      return "list a,b";
    case "urls":
      return "URLs";
    case "url":
      return "URL";
    default:
      return setting.type;
  }
}

import type { Field, Fields } from "./field.ts";
import type { Problem } from "./nsm.ts";

/**
 * Reads a value by its declaration. Problems are collected, all of them; the result means something only when there
 * are none. Strings that stand for booleans become booleans.
 */
export function readField(field: Field, value: unknown, at: string, problems: Problem[]): unknown {
  const wrong = (message: string): undefined => void problems.push({ field: at, message: `${at}: ${message}` });
  switch (field.kind) {
    case "string": {
      if (typeof value !== "string") {
        return wrong(`${typeText(value)} where text is needed; write ${suggestion(field, value)}`);
      }
      if (field.values && !field.values.includes(value)) {
        return wrong(`${quote(value)} is not known; write ${choice(field.values)}`);
      }
      if (field.pattern !== undefined && !compiled(field.pattern).test(value)) {
        return wrong(`${quote(value)} does not fit; write ${field.expect ?? `text that matches ${field.pattern}`}`);
      }
      if (field.maxLength !== undefined && value.length > field.maxLength) {
        return wrong(`${value.length} characters are too long; write at most ${field.maxLength}`);
      }
      return value;
    }
    case "integer":
      if (typeof value !== "number" || !Number.isInteger(value)) {
        const number = typeof value === "string" && /^\d+$/.test(value) ? value : String(field.min);
        return wrong(`${typeText(value)} where a whole number is needed; write ${number} without quotes`);
      }
      if (value < field.min || value > field.max) {
        return wrong(`${value} is out of range; write a number from ${field.min} to ${field.max}`);
      }
      return value;
    case "flag":
      if (typeof value === "boolean") return value;
      if (value === "true" || value === "false") return value === "true";
      return wrong(`${typeText(value)} is neither true nor false; write true or false`);
    case "map":
      if (!isObject(value)) return wrong(`${typeText(value)} where a map of names to texts is needed`);
      for (const [key, item] of Object.entries(value)) {
        if (typeof item === "string") continue;
        const path = `${at}.${key}`;
        problems.push({
          field: path,
          message: `${path}: ${typeText(item)} where text is needed; write it in quotes`,
        });
      }
      return value;
    case "passed":
      return isObject(value) ? value : wrong(`${typeText(value)} where an object is needed`);
    case "list": {
      if (!Array.isArray(value)) return wrong(`${typeText(value)} where a list is needed; begin each entry with "- "`);
      if (value.length > field.maxItems) {
        return wrong(`${value.length} entries are too many; write at most ${field.maxItems}`);
      }
      const items = value.map((item: unknown, i) => readField(field.item, item, `${at}[${i}]`, problems));
      if (field.key !== undefined) noDoubles(field.key, items, at, problems);
      return items;
    }
    case "object":
      return isObject(value)
        ? readFields(field.fields, value, at, problems)
        : wrong(`${typeText(value)} where an object is needed; write its fields: ${choice(Object.keys(field.fields))}`);
  }
}

/**
 * Reads an object's fields; unknown ones are problems. A field that is null is absent, as it is for the API server.
 * @param reported fields about which there is a problem already, so that they are not missed
 */
export function readFields(
  fields: Fields,
  value: Readonly<Record<string, unknown>>,
  at: string,
  problems: Problem[],
  reported: readonly string[] = [],
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    if (Object.hasOwn(fields, name)) continue;
    const path = `${at}.${name}`;
    const near = nearest(name, Object.keys(fields));
    const instead = near === undefined ? `write one of ${choice(Object.keys(fields))}` : `did you mean ${near}?`;
    problems.push({
      field: path,
      message: `${path}: there is no such field (its value is ${quote(item)}); ${instead}`,
    });
  }
  for (const [name, field] of Object.entries(fields)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    const path = `${at}.${name}`;
    if (given !== undefined && given !== null) result[name] = readField(field, given, path, problems);
    else if (field.required && !reported.includes(name)) {
      problems.push({ field: path, message: `${path}: missing; write ${field.example ?? exampleOf(field)}` });
    }
  }
  return result;
}

function noDoubles(key: string, items: readonly unknown[], at: string, problems: Problem[]): void {
  const seen = new Set<unknown>();
  for (const [i, item] of items.entries()) {
    const name = isObject(item) ? item[key] : undefined;
    if (name === undefined) continue;
    const path = `${at}[${i}].${key}`;
    if (seen.has(name)) {
      problems.push({ field: path, message: `${path}: ${quote(name)} is there twice; remove one` });
    }
    seen.add(name);
  }
}

const patterns = new Map<string, RegExp>();
function compiled(pattern: string): RegExp {
  let made = patterns.get(pattern);
  if (!made) {
    made = new RegExp(pattern);
    patterns.set(pattern, made);
  }
  return made;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value as it would be written, shortened. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

const typeText = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return `${typeof value} ${quote(value)}`;
};

const choice = (values: readonly string[]): string =>
  values.length < 2 ? values.join("") : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;

function suggestion(field: Extract<Field, { kind: "string" }>, value: unknown): string {
  if (typeof value !== "number" && typeof value !== "boolean") return exampleOf(field);
  const text = String(value);
  const fits = field.values?.includes(text) ?? (field.pattern === undefined || compiled(field.pattern).test(text));
  return fits ? `it in quotes: "${text}"` : exampleOf(field);
}

function exampleOf(field: Field): string {
  if (field.kind !== "string") return "it";
  return field.values ? choice(field.values) : (field.expect ?? "text");
}

/** The known name that a misspelt one was probably meant to be: same letters, two edits away at most, or a part of it. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const find = (test: (candidate: string) => boolean): string | undefined =>
    known.find((candidate) => test(candidate.toLowerCase()));
  const same = find((candidate) => candidate === lower);
  if (same !== undefined || name.length > 40) return same;
  const part = (candidate: string): boolean =>
    (lower.length >= 4 && candidate.endsWith(lower)) ||
    (candidate.length >= 5 && lower.startsWith(candidate)) ||
    candidate.slice(0, 6) === lower.slice(0, 6);
  return find((candidate) => distance(candidate, lower) <= Math.min(2, lower.length - 1)) ?? find(part);
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (b[j] === letter ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

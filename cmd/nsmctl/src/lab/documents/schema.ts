import { z } from "zod";
import type { Problems } from "./problems.ts";
import type { Path, SourceDocument } from "./yaml.ts";

/** An object whose unknown fields are errors that name them and what was probably meant. */
export function fields<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? JSON.stringify(issue.keys.map((key) => `field "${key.slice(0, 64)}" is unknown; ${meant(key, known)}`))
        : undefined,
  });
}

/** Fields that exist in Kubernetes and that a lab accepts without using them. */
export function unused<const Names extends readonly string[]>(names: Names): { [K in Names[number]]: z.ZodOptional } {
  return Object.fromEntries(names.map((name) => [name, z.unknown().optional()])) as never;
}

export const text = z.string();
export const textMap = z.record(z.string(), z.string());

/**
 * The document's value as the schema gives it, or undefined after adding a problem for each thing that is wrong.
 * @param object what messages call it: `Pod client`
 */
export function check<S extends z.ZodType>(
  schema: S,
  document: SourceDocument,
  object: string,
  problems: Problems,
): z.output<S> | undefined {
  const result = schema.safeParse(document.value, { error: wording });
  if (result.success) return result.data;
  for (const issue of result.error.issues) addIssue(issue, document, object, problems);
  return undefined;
}

function addIssue(issue: z.core.$ZodIssue, document: SourceDocument, object: string, problems: Problems): void {
  const path = issue.path.filter((part) => typeof part !== "symbol");
  const below = path.length > 0 ? ` ${pathText(path)}` : "";
  if (issue.code === "unrecognized_keys") {
    // One message for each key, as `fields` made them.
    for (const [i, line] of (JSON.parse(issue.message) as string[]).entries())
      problems.add(document.atKey([...path, issue.keys[i] ?? ""]), `${object}:${below} ${line}`.replace(/: {2}/, ": "));
    return;
  }
  problems.add(document.at(path), `${object}:${below} ${issue.message}`);
}

export function pathText(path: Path): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${part.slice(0, 64)}`))
    .join("");
}

const wording: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is missing" : `is ${shown(issue.input)}, must be ${typeName(issue.expected)}`;
    case "invalid_value":
      return `is ${shown(issue.input)}, must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "too_small":
      return `is ${shown(issue.input)}, must ${issue.origin === "array" || issue.origin === "string" ? "not be empty" : `be at least ${issue.minimum}`}`;
    case "too_big":
      return `is ${shown(issue.input)}, must be at most ${issue.maximum}`;
    case "invalid_union":
      return `is ${shown(issue.input)}, which has none of the possible forms`;
    default:
      return undefined;
  }
};

const typeNames: Readonly<Record<string, string>> = {
  string: "text (put it in quotes)",
  array: "a list (put a - before each entry)",
  object: "an object",
  record: "an object",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

function typeName(expected: string): string {
  return typeNames[expected] ?? `of type ${expected}`;
}

export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}

/** What to write instead of an unknown word. */
export function meant(word: string, known: readonly string[]): string {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, "");
  const near =
    known.find((name) => plain(name) === plain(word)) ??
    known.find(
      (name) => word.length > 3 && Math.abs(name.length - word.length) < 3 && closeTo(plain(name), plain(word)),
    );
  return near ? `did you mean "${near}"?` : `the fields are ${known.join(", ")}`;
}

/** One letter added, missing, changed or swapped with its neighbour. */
function closeTo(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const [restA, restB] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const swapped = restA.length === 2 && restB === `${restA[1]}${restA[0]}`;
  return swapped || Math.max(restA.length, restB.length) <= 1;
}

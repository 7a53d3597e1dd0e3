import { CodedError } from "@nsmkit/core";
import { type Document, isMap, isNode, isScalar, LineCounter, parseAllDocuments, type YAMLError } from "yaml";
import { isObject } from "./object.ts";

export type Path = readonly (string | number)[];

/** One document of a file, as plain JSON-like data that still knows where each part was written. */
export interface SourceDocument {
  readonly file: string;
  readonly value: unknown;
  /** `file:line` of the value at a path, or of the nearest parent that exists. */
  at(path: Path): string;
  /** `file:line` of the key that ends the path: where an unknown field is written. */
  atKey(path: Path): string;
  /** Lines of the file above the text of a block scalar (`data: |`); undefined for every other value. */
  linesAbove(path: Path): number | undefined;
}

export interface ReadOptions {
  /** Lines of the file above this text, when it was cut out of a larger one. */
  readonly linesAbove?: number;
}

const maxLength = 4 * 1024 * 1024;
const maxDepth = 64;
/** Resolved alias nodes beyond this many are a bomb rather than a convenience. */
const maxAliasCount = 100;

/**
 * Reads the YAML (or JSON) documents of one file, strictly: repeated keys, tabs as indentation, unknown tags and
 * non-text keys are errors. Documents without content and `kind: List` wrappers disappear.
 * @throws CodedError INVALID_CONFIG that starts with `file:line`
 */
export function readDocuments(text: string, file: string, options: ReadOptions = {}): SourceDocument[] {
  if (text.length > maxLength)
    throw new CodedError("INVALID_CONFIG", `${file}: longer than ${maxLength} characters; split it into several files`);
  const lines = new LineCounter();
  const place = { file, line: (offset: number) => lines.linePos(offset).line + (options.linesAbove ?? 0) };
  return parse(text, file, lines).flatMap((document) => unfold(plain(document, place)));
}

function parse(text: string, file: string, lines: LineCounter): Document.Parsed[] {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter: lines,
      strict: true,
      uniqueKeys: true,
      stringKeys: true,
      schema: "core",
      logLevel: "error",
    });
    return Array.isArray(documents) ? documents : [];
  } catch (cause) {
    throw new CodedError("INVALID_CONFIG", `${file}: not YAML: ${firstLine(cause)}`, { cause });
  }
}

interface Place {
  readonly file: string;
  line(offset: number): number;
}

function plain(document: Document.Parsed, { file, line }: Place): SourceDocument {
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem) throw syntaxError(problem, { file, line });
  const at = (offset: number): string => `${file}:${line(offset)}`;
  const source = {
    file,
    at: (path: Path) => at(valueOffset(document, path)),
    atKey: (path: Path) => at(keyOffset(document, path)),
    linesAbove: (path: Path) => {
      const node: unknown = document.getIn(path, true);
      const isBlock = isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED");
      return isBlock && node.range ? line(node.range[0]) : undefined;
    },
  };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount });
  } catch (cause) {
    throw new CodedError("INVALID_CONFIG", `${source.at([])}: ${firstLine(cause)}; write the value out`, { cause });
  }
  checkPlain(value, [], source.at);
  return { ...source, value };
}

function syntaxError(problem: YAMLError, { file, line }: Place): CodedError {
  const text = firstLine(problem).replace(/ at line \d+, column \d+:?$/, "");
  return new CodedError(
    "INVALID_CONFIG",
    `${file}:${line(problem.pos[0])}: not valid YAML: ${text.replace(/:$/, "")}`,
    { cause: problem },
  );
}

/** Only what JSON has may come through: no dates, binaries or sets from tags, no cycles from aliases. */
function checkPlain(value: unknown, path: Path, at: (path: Path) => string): void {
  if (path.length > maxDepth)
    throw new CodedError("INVALID_CONFIG", `${at(path)}: nested deeper than ${maxDepth} levels`);
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) checkPlain(item, [...path, i], at);
  } else if (typeof value === "object" && value !== null) {
    if (Object.getPrototypeOf(value) !== Object.prototype)
      throw new CodedError("INVALID_CONFIG", `${at(path)}: a tagged value that JSON does not have; write it plainly`);
    for (const [key, item] of Object.entries(value)) checkPlain(item, [...path, key], at);
  }
}

/** kubectl prints several objects as one `List`. */
function unfold(document: SourceDocument): SourceDocument[] {
  const { value } = document;
  if (value === null || value === undefined) return [];
  if (!isObject(value) || value.kind !== "List" || !Array.isArray(value.items)) return [document];
  return value.items.map((item: unknown, i) => ({
    file: document.file,
    value: item,
    at: (path) => document.at(["items", i, ...path]),
    atKey: (path) => document.atKey(["items", i, ...path]),
    linesAbove: (path) => document.linesAbove(["items", i, ...path]),
  }));
}

function valueOffset(document: Document.Parsed, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

function keyOffset(document: Document.Parsed, path: Path): number {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  if (isMap(parent)) {
    for (const pair of parent.items) {
      if (isScalar(pair.key) && pair.key.value === key && pair.key.range) return pair.key.range[0];
    }
  }
  return valueOffset(document, path);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

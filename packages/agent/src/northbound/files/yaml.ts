import { CodedError } from "@nsmkit/core";
import { type Document, isMap, isScalar, LineCounter, parseAllDocuments, type YAMLError } from "yaml";
import { isObject } from "./object.ts";

export type YamlPath = readonly (string | number)[];

/** What to add to positions within a text that was cut out of a file. */
export interface BlockPlace {
  readonly lines: number;
  readonly columns: number;
}

/** One document of a YAML stream, as plain JSON-like data. */
export interface YamlDocument {
  /** Counted from 1. */
  readonly index: number;
  readonly value: unknown;
  /** `file:line:column` of the value at a path, or of the nearest parent that exists. */
  positionOf(path: YamlPath): string;
  /** `file:line:column` of the key that ends a path: where an unknown field is written. */
  keyPositionOf(path: YamlPath): string;
  /** Where the text of a literal block (`data: |`) stands; undefined for every other value. */
  blockAt(path: YamlPath): BlockPlace | undefined;
}

export interface YamlOptions {
  /** File name or the like, the start of every message. */
  readonly name: string;
  /** Size that is read at all, in UTF-16 units; default 4 Mi. */
  readonly maxLength?: number;
  /** Where the text stands in the file that `name` names. */
  readonly block?: BlockPlace;
}

/** Positions of one text as messages show them. */
interface Places {
  at(offset: number): string;
}

const defaultMaxLength = 4 * 1024 * 1024;
const maxDepth = 64;
/** Aliases beyond this many resolved nodes are a bomb rather than a convenience. */
const maxAliasCount = 100;

const remedies: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "keep one of the two",
  TAB_AS_INDENT: "indent with spaces",
  NON_STRING_KEY: "use a plain word as key",
  BAD_INDENT: "align the lines of one block",
  RESOURCE_EXHAUSTION: `nest at most ${maxDepth} levels`,
};

/**
 * Reads YAML 1.2 (and so JSON) strictly: duplicate keys, tabs as indentation, unknown tags, unresolved or excessive
 * aliases and non-string keys are errors. Empty documents are left out.
 * @throws CodedError INVALID_CONFIG that starts with `name:line:column`
 */
export function readYaml(text: string, options: YamlOptions): YamlDocument[] {
  const { name, maxLength = defaultMaxLength, block = { lines: 0, columns: 0 } } = options;
  if (text.length > maxLength)
    throw new CodedError("INVALID_CONFIG", `${name}: longer than ${maxLength} characters; split it into several files`);
  const lines = new LineCounter();
  const places: Places = {
    at(offset) {
      const { line, col } = lines.linePos(offset);
      return `${name}:${line + block.lines}:${col + block.columns}`;
    },
  };
  const documents = parse(text, name, lines);
  return documents.flatMap((document, i) => {
    const value = plain(document, places);
    if (value === null || value === undefined) return [];
    return [
      {
        index: i + 1,
        value,
        positionOf: (path: YamlPath) => position(document, path, places),
        keyPositionOf: (path: YamlPath) => keyPosition(document, path, places),
        blockAt: (path: YamlPath) => blockPlace(document.getIn(path, true), text, lines, block),
      },
    ];
  });
}

function parse(text: string, name: string, lines: LineCounter): Document.Parsed[] {
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
    throw new CodedError("INVALID_CONFIG", `${name}: not YAML: ${firstLine(cause)}`, { cause });
  }
}

function plain(document: Document.Parsed, places: Places): unknown {
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem) throw syntaxError(problem, places);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount });
  } catch (cause) {
    throw new CodedError(
      "INVALID_CONFIG",
      `${position(document, [], places)}: ${firstLine(cause)}; write the value out`,
      { cause },
    );
  }
  checkPlain(value, [], (path, text) => {
    throw new CodedError("INVALID_CONFIG", `${position(document, path, places)}: ${text}`);
  });
  return value;
}

function syntaxError(problem: YAMLError, places: Places): CodedError {
  const text = firstLine(problem)
    .replace(/ at line \d+, column \d+:?$/, "")
    .replace(/:$/, "");
  const remedy = remedies[problem.code] ?? "correct the YAML there";
  return new CodedError("INVALID_CONFIG", `${places.at(problem.pos[0])}: not valid YAML: ${text}; ${remedy}`, {
    cause: problem,
  });
}

/** Only what JSON has may come through: no dates, binaries or sets from tags, no cycles from aliases. */
function checkPlain(
  value: unknown,
  path: (string | number)[],
  fail: (path: readonly (string | number)[], text: string) => never,
): void {
  if (path.length > maxDepth) fail(path, `nested deeper than ${maxDepth} levels`);
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) checkPlain(item, [...path, i], fail);
  } else if (typeof value === "object" && value !== null) {
    if (Object.getPrototypeOf(value) !== Object.prototype)
      fail(path, "a tagged value that is not text, number, list or map");
    for (const [key, item] of Object.entries(value)) checkPlain(item, [...path, key], fail);
  }
}

function position(document: Document.Parsed, path: YamlPath, places: Places): string {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    const start = hasRange(node) ? node.range[0] : undefined;
    if (start !== undefined) return places.at(start);
  }
  return places.at(0);
}

function keyPosition(document: Document.Parsed, path: YamlPath, places: Places): string {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const pair = isMap(parent)
    ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1) && hasRange(key))
    : undefined;
  return hasRange(pair?.key) ? places.at(pair.key.range[0]) : position(document, path, places);
}

/** The objects of a document: kubectl prints several as one `List`. */
export function unfoldList(document: YamlDocument): YamlDocument[] {
  const { value } = document;
  if (!isObject(value) || value.kind !== "List" || !Array.isArray(value.items)) return [document];
  return value.items.map((item: unknown, i) => ({
    index: document.index,
    value: item,
    positionOf: (path) => document.positionOf(["items", i, ...path]),
    keyPositionOf: (path) => document.keyPositionOf(["items", i, ...path]),
    blockAt: (path) => document.blockAt(["items", i, ...path]),
  }));
}

function blockPlace(node: unknown, text: string, lines: LineCounter, outer: BlockPlace): BlockPlace | undefined {
  // Folding joins lines, so only literal blocks keep them.
  if (!isScalar(node) || node.type !== "BLOCK_LITERAL" || typeof node.value !== "string" || !hasRange(node))
    return undefined;
  const header = text.indexOf("\n", node.range[0]);
  const written = /^[^\S\n]*(?=\S)/m.exec(text.slice(header + 1, node.range[1]))?.[0].length ?? 0;
  const kept = /^[^\S\n]*(?=\S)/m.exec(node.value)?.[0].length ?? 0;
  return { lines: outer.lines + lines.linePos(node.range[0]).line, columns: outer.columns + written - kept };
}

function hasRange(node: unknown): node is { range: [number, number, number] } {
  return typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

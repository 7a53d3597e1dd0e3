import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { nearest } from "./suggest.ts";

/** One thing wrong with a value, in words for the person who wrote it. */
export interface Problem {
  /** Path as written: "ip_addresses[1]", "veth.peer_if_name"; empty for the value itself. */
  readonly field: string;
  /** A clause that goes after the field: `is "big", must be a whole number …`. */
  readonly text: string;
}

/** More than this many are not looked for: they repeat one mistake. */
const maxProblems = 10;

/**
 * Compares a parsed JSON or YAML value with a message, strictly as proto3 JSON (protobuf.dev/programming-guides/json):
 * no unknown or repeated field, enums by name or number, whole numbers also as text, null as if absent.
 */
export function checkMessage(schema: DescMessage, value: unknown): Problem[] {
  const problems: Problem[] = [];
  message(schema, value, "", problems);
  return problems;
}

function message(schema: DescMessage, value: unknown, path: string, problems: Problem[]): void {
  // The well-known types have forms of their own, which fromJson checks.
  if (schema.typeName.startsWith("google.protobuf.")) return;
  const names = schema.fields.map((field) => field.name);
  if (!isObject(value)) {
    const content = names.length === 0 ? "without fields" : `with fields such as ${names.slice(0, 3).join(", ")}`;
    problems.push({ field: path, text: `is ${shown(value)}, must be an object ${content}` });
    return;
  }
  const seen = new Map<DescField, string>();
  for (const key of Object.keys(value)) {
    if (problems.length >= maxProblems) return;
    const at = path === "" ? key.slice(0, 64) : `${path}.${key.slice(0, 64)}`;
    const field = schema.fields.find((candidate) => candidate.name === key || candidate.jsonName === key);
    if (!field) {
      const meant = nearest(key, names);
      const remedy = meant ? `did you mean "${meant}"?` : `the fields are ${names.join(", ")}`;
      problems.push({ field: at, text: `is unknown; ${remedy}` });
      continue;
    }
    const twin = seen.get(field);
    seen.set(field, key);
    if (twin !== undefined) {
      problems.push({ field: at, text: `is given twice, also as "${twin}"; keep one` });
      continue;
    }
    const rival = field.oneof?.fields.find((other) => other !== field && seen.has(other));
    if (rival) problems.push({ field: at, text: `excludes "${rival.name}", which is given too; keep one of them` });
    const content = value[key];
    if (content !== null) fieldValue(field, content, at, problems);
  }
}

function fieldValue(field: DescField, value: unknown, path: string, problems: Problem[]): void {
  if (field.fieldKind === "list") {
    if (!Array.isArray(value)) {
      const remedy = isObject(value) ? "put a - before it" : `write [${shown(value)}]`;
      problems.push({ field: path, text: `is ${shown(value)}, must be a list; ${remedy}` });
      return;
    }
    for (let i = 0; i < value.length && problems.length < maxProblems; i++) {
      element(field, value[i], `${path}[${i}]`, problems);
    }
  } else if (field.fieldKind === "map") {
    if (!isObject(value)) {
      problems.push({ field: path, text: `is ${shown(value)}, must be an object of keys and values` });
      return;
    }
    for (const key of Object.keys(value)) {
      if (problems.length >= maxProblems) return;
      element(field, value[key], `${path}[${shown(key)}]`, problems);
    }
  } else {
    element(field, value, path, problems);
  }
}

function element(field: DescField, value: unknown, path: string, problems: Problem[]): void {
  if (field.message) message(field.message, value, path, problems);
  else if (field.enum) enumValue(field.enum, value, path, problems);
  else if (field.scalar !== undefined) scalar(field.scalar, value, path, problems);
}

function enumValue(desc: DescEnum, value: unknown, path: string, problems: Problem[]): void {
  const names = desc.values.map((candidate) => candidate.name);
  if (typeof value === "string" ? names.includes(value) : desc.values.some(({ number }) => number === value)) return;
  const meant = typeof value === "string" ? nearest(value, names) : undefined;
  const remedy = meant ? `; did you mean ${meant}?` : "";
  problems.push({ field: path, text: `is ${shown(value)}, must be one of ${names.join(", ")}${remedy}` });
}

const intRanges = new Map<ScalarType, [bigint, bigint]>([
  ...[ScalarType.INT32, ScalarType.SINT32, ScalarType.SFIXED32].map((type) => intRange(type, 32, true)),
  ...[ScalarType.UINT32, ScalarType.FIXED32].map((type) => intRange(type, 32, false)),
  ...[ScalarType.INT64, ScalarType.SINT64, ScalarType.SFIXED64].map((type) => intRange(type, 64, true)),
  ...[ScalarType.UINT64, ScalarType.FIXED64].map((type) => intRange(type, 64, false)),
]);

function intRange(type: ScalarType, bits: number, signed: boolean): [ScalarType, [bigint, bigint]] {
  const size = 1n << BigInt(bits);
  return [type, signed ? [-size / 2n, size / 2n - 1n] : [0n, size - 1n]];
}

function scalar(type: ScalarType, value: unknown, path: string, problems: Problem[]): void {
  const range = intRanges.get(type);
  if (range) {
    const whole =
      typeof value === "number"
        ? Number.isSafeInteger(value)
        : typeof value === "string" && /^-?(0|[1-9][0-9]{0,19})$/.test(value);
    if (whole && BigInt(value as number | string) >= range[0] && BigInt(value as number | string) <= range[1]) return;
    problems.push({ field: path, text: `is ${shown(value)}, must be a whole number from ${range[0]} to ${range[1]}` });
  } else if (type === ScalarType.STRING) {
    if (typeof value === "string" && value.isWellFormed()) return;
    const remedy =
      typeof value === "number" || typeof value === "boolean" ? `; put it in quotes: "${value}"` : " of valid Unicode";
    problems.push({ field: path, text: `is ${shown(value)}, must be text${remedy}` });
  } else if (type === ScalarType.BOOL) {
    if (typeof value === "boolean") return;
    problems.push({ field: path, text: `is ${shown(value)}, must be true or false, without quotes` });
  } else if (type === ScalarType.BYTES) {
    if (typeof value === "string") return;
    problems.push({ field: path, text: `is ${shown(value)}, must be text in base64` });
  } else if (typeof value !== "number" && !["NaN", "Infinity", "-Infinity"].includes(value as string)) {
    problems.push({ field: path, text: `is ${shown(value)}, must be a number` });
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === "[object Object]";
}

/** A value short enough for a message. */
function shown(value: unknown): string {
  if (typeof value === "string")
    return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" || typeof value === "function" || typeof value === "symbol"
    ? "an object"
    : String(value);
}

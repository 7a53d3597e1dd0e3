import { type DescEnum, type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { type LigatoOptions, LigatoOptions_Type, ligato_options } from "@nsmkit/api/generic";
import type { Model } from "@nsmkit/api/model";
import { modelSchema } from "@nsmkit/api/schema";

const deepest = 8;

/**
 * A value of a model with every field at its default and, behind it, what may stand there. Only the first of fields that
 * exclude each other is written; the others follow as comments.
 */
export function sampleYaml(model: Model): string {
  const named = new Set(model.naming?.fields ?? []);
  const describe = describer(model);
  return `${messageLines(model.schema, named, describe, 0).join("\n")}\n`;
}

/** The manifest that gives such a value to an agent. */
export function sampleManifest(model: Model, label: string): string {
  const head = [
    "apiVersion: pantheon.tech/v1",
    "kind: CNFConfiguration",
    "metadata:",
    `  name: ${label.toLowerCase()}-${model.spec.type.replaceAll(/[^a-z0-9]+/g, "-")}`,
    "spec:",
    `  microservice: ${label}`,
    "  configItems:",
    `    - module: ${model.spec.module}`,
    `      type: ${model.spec.type}`,
    "      data: |",
  ];
  const data = sampleYaml(model)
    .trimEnd()
    .split("\n")
    .map((line) => `        ${line}`);
  return `${[...head, ...data].join("\n")}\n`;
}

/** What the proto file says of a field. */
type Describe = (field: DescField) => string;

function describer(model: Model): Describe {
  const { definitions } = modelSchema(model, { fieldNames: "proto" }) as { definitions?: Definitions };
  return ({ parent, name }) => {
    const text = definitions?.[parent.typeName]?.properties?.[name]?.description ?? "";
    return text.replaceAll("\n", " ").replace(/\.$/, "");
  };
}

type Definitions = Record<string, { properties?: Record<string, { description?: string }> }>;

function messageLines(schema: DescMessage, named: ReadonlySet<string>, describe: Describe, depth: number): string[] {
  return schema.fields.flatMap((field) => {
    const lines = fieldLines(field, named.has(field.name), describe, depth);
    const rivals = field.oneof?.fields ?? [];
    // A oneof with one member excludes nothing.
    if (rivals.length < 2) return lines;
    if (rivals[0] === field) return [`# one of ${rivals.map(({ name }) => name).join(", ")}:`, ...lines];
    return lines.map((line) => `# ${line}`);
  });
}

function fieldLines(field: DescField, named: boolean, describe: Describe, depth: number): string[] {
  const notes = [...(named ? ["part of the key"] : []), ...(field.proto.options?.deprecated ? ["deprecated"] : [])];
  const line = (value: string, meaning: string): string => {
    const facts = [meaning, ...notes].filter((part) => part !== "").join(", ");
    const comment = [facts, describe(field)].filter((part) => part !== "").join(". ");
    return `${field.name}:${value === "" ? "" : ` ${value}`}${comment === "" ? "" : ` # ${comment}`}`;
  };
  const below = (message: DescMessage, indent: string): string[] =>
    depth >= deepest ? [] : messageLines(message, new Set(), describe, depth + 1).map((text) => `${indent}${text}`);
  switch (field.fieldKind) {
    case "scalar":
      return [line(scalarDefault(field.scalar), scalarMeaning(field, field.scalar))];
    case "enum":
      return [line(field.enum.values[0]?.name ?? "0", enumMeaning(field.enum))];
    case "message": {
      const lines = below(field.message, "  ");
      return lines.length === 0 ? [line("{}", "")] : [line("", ""), ...lines];
    }
    case "list": {
      if (field.listKind === "scalar") return [line("[]", `list of ${scalarMeaning(field, field.scalar)}`)];
      if (field.listKind === "enum") return [line("[]", `list of ${enumMeaning(field.enum)}`)];
      const [first, ...rest] = below(field.message, "    ");
      if (first === undefined) return [line("[]", "")];
      const isNote = first.trimStart().startsWith("#");
      // The dash belongs before the first field, which may come after a comment.
      const lines = isNote ? [first, ...dashed(rest)] : dashed([first, ...rest]);
      return [line("", "list"), ...lines];
    }
    case "map":
      return [line("{}", "keys and values")];
  }
}

function dashed([first = "", ...rest]: readonly string[]): string[] {
  return [first.replace(/^ {4}/, "  - "), ...rest];
}

function scalarDefault(type: ScalarType): string {
  switch (type) {
    case ScalarType.BOOL:
      return "false";
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return '""';
    default:
      return "0";
  }
}

function scalarMeaning(field: DescField, type: ScalarType): string {
  const options: LigatoOptions = getOption(field, ligato_options);
  const formats: Readonly<Partial<Record<LigatoOptions_Type, string>>> = {
    [LigatoOptions_Type.IP]: "IP address",
    [LigatoOptions_Type.IPV4]: "IPv4 address",
    [LigatoOptions_Type.IPV6]: "IPv6 address",
    [LigatoOptions_Type.IP_WITH_MASK]: "IP address with length",
    [LigatoOptions_Type.IPV4_WITH_MASK]: "IPv4 address with length",
    [LigatoOptions_Type.IPV6_WITH_MASK]: "IPv6 address with length",
    [LigatoOptions_Type.IP_OPTIONAL_MASK]: "IP address, with or without length",
    [LigatoOptions_Type.IPV4_OPTIONAL_MASK]: "IPv4 address, with or without length",
    [LigatoOptions_Type.IPV6_OPTIONAL_MASK]: "IPv6 address, with or without length",
  };
  const format = formats[options.type];
  if (format) return format;
  const range = options.intRange;
  if (range) return `number from ${range.minimum} to ${range.maximum}`;
  switch (type) {
    case ScalarType.BOOL:
      return "true or false";
    case ScalarType.STRING:
      return "text";
    case ScalarType.BYTES:
      return "base64";
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return "number";
    case ScalarType.UINT32:
    case ScalarType.UINT64:
    case ScalarType.FIXED32:
    case ScalarType.FIXED64:
      return "whole number, 0 or more";
    default:
      return "whole number";
  }
}

function enumMeaning({ values }: DescEnum): string {
  return values.map(({ name }) => name).join(" | ");
}

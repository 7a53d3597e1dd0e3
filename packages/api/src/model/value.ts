import {
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import { CodedError } from "@nsmkit/core";
import { checkMessage, isObject, type Problem } from "./check.ts";
import type { Model } from "./model.ts";

export interface ParseOptions {
  /** Where the value stands, for errors: "CNFConfiguration default/nat". */
  readonly object?: string;
}

/**
 * Reads a value from parsed JSON or YAML, strictly: an unknown field is an error. Field names may be snake_case or
 * camelCase, enums names or numbers. Says nothing about what the fields mean together; that is for the descriptor.
 *
 * Throws INVALID_CONFIG that names the object, the field, the value and the remedy; `details.problems` has them all.
 */
export function parseValue<Desc extends DescMessage>(
  model: Model<Desc>,
  value: unknown,
  options: ParseOptions = {},
): MessageShape<Desc> {
  const object = titleOf(model, value, options.object);
  const problems = checkMessage(model.schema, value);
  if (problems.length > 0) {
    throw new CodedError("INVALID_CONFIG", `${object}: ${sentence(problems)}`, {
      details: { object, field: problems[0]?.field, problems },
    });
  }
  try {
    return fromJson(model.schema, value as JsonValue);
  } catch (cause) {
    throw new CodedError("INVALID_CONFIG", `${object}: ${(cause as Error).message}`, { cause, details: { object } });
  }
}

/**
 * The canonical JSON of a value: original field names, enums by name, fields at their defaults left out, in the order
 * in which the .proto file declares them (jsonpb of github.com/golang/protobuf 1.5, which the original agents use).
 */
export function formatValue<Desc extends DescMessage>(model: Model<Desc>, message: MessageShape<Desc>): JsonObject {
  return asDeclared(model.schema, toJson(model.schema, message, { useProtoFieldName: true }) as JsonObject);
}

/** `toJson` puts fields in the order of their numbers. */
function asDeclared(schema: DescMessage, json: JsonObject): JsonObject {
  const ordered: JsonObject = {};
  for (const field of schema.fields) {
    const value = json[field.name];
    if (value === undefined) continue;
    const nested = field.message;
    const order = (part: JsonValue): JsonValue => (nested && isObject(part) ? asDeclared(nested, part) : part);
    // Well-known types have forms of their own; no model has maps of messages.
    const keeps = !nested || nested.typeName.startsWith("google.protobuf.") || field.fieldKind === "map";
    ordered[field.name] = keeps ? value : Array.isArray(value) ? value.map(order) : order(value);
  }
  return ordered;
}

/** `CNFConfiguration default/nat: linux.interfaces interface "tap0"` */
function titleOf(model: Model, value: unknown, object: string | undefined): string {
  const kind = `${model.spec.module} ${model.spec.type}`;
  const key = model.naming?.fields.includes("name") ? "name" : undefined;
  const name = key && isObject(value) ? value[key] : undefined;
  const title = typeof name === "string" && name !== "" ? `${kind} ${JSON.stringify(name.slice(0, 60))}` : kind;
  return object ? `${object}: ${title}` : title;
}

function sentence(problems: readonly Problem[]): string {
  return problems
    .slice(0, 3)
    .map(({ field, text }) => (field === "" ? `the value ${text}` : `field "${field}" ${text}`))
    .concat(problems.length > 3 ? [`and ${problems.length - 3} more`] : [])
    .join("; also ")
    .replace("; also and", "; and");
}

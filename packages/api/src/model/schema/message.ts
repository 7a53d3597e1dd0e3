import { type DescField, type DescMessage, getExtension, hasExtension } from "@bufbuild/protobuf";
import { type LigatoOptions, ligato_options } from "../../generic.ts";
import { descriptions } from "./descriptions.ts";
import type { FieldNames, JsonSchema } from "./json-schema.ts";
import { enumSchema, scalarSchema } from "./scalar.ts";

/** Collects the schemas of messages, each once, by the full name of its message. */
export class Definitions {
  readonly all: Record<string, JsonSchema> = {};
  readonly #home: string;
  readonly #fieldNames: FieldNames;

  /** @param home where definitions lie: "#/definitions/" */
  constructor(home: string, fieldNames: FieldNames) {
    this.#home = home;
    this.#fieldNames = fieldNames;
  }

  reference(schema: DescMessage): JsonSchema {
    // Well-known types have forms of their own.
    if (schema.typeName.startsWith("google.protobuf.")) return {};
    if (!Object.hasOwn(this.all, schema.typeName)) {
      // Taken before it is filled: messages may hold themselves.
      this.all[schema.typeName] = {};
      this.all[schema.typeName] = this.#message(schema);
    }
    return { $ref: `${this.#home}${schema.typeName}` };
  }

  /** The names under which a field may be written. */
  namesOf(field: DescField): string[] {
    const names = { proto: [field.name], json: [field.jsonName], both: [field.name, field.jsonName] };
    return [...new Set(names[this.#fieldNames])];
  }

  #message(schema: DescMessage): JsonSchema {
    const properties: Record<string, JsonSchema> = {};
    const rules: JsonSchema[] = [];
    for (const field of schema.fields) {
      const names = this.namesOf(field);
      const content = this.#field(field);
      for (const name of names) properties[name] = content;
      if (names.length > 1 && !field.oneof) rules.push({ not: { required: names } });
    }
    for (const group of schema.oneofs) {
      const one = group.fields.flatMap((field) => this.namesOf(field)).map((name) => ({ required: [name] }));
      rules.push({ oneOf: [...one, { not: { anyOf: one } }] });
    }
    return {
      ...described(schema.typeName),
      type: "object",
      properties,
      additionalProperties: false,
      ...(rules.length > 0 ? { allOf: rules } : {}),
    };
  }

  #field(field: DescField): JsonSchema {
    const about = {
      ...described(`${field.parent.typeName}.${field.name}`),
      ...(field.deprecated ? { deprecated: true } : {}),
    };
    const element = this.#element(field);
    if (field.fieldKind === "list") return { ...about, ...orNull({ type: "array", items: element }) };
    if (field.fieldKind === "map") return { ...about, ...orNull({ type: "object", additionalProperties: element }) };
    return { ...about, ...orNull(element) };
  }

  #element(field: DescField): JsonSchema {
    if (field.message) return this.reference(field.message);
    if (field.enum) return enumSchema(field.enum);
    return field.scalar === undefined ? {} : scalarSchema(field.scalar, optionsOf(field));
  }
}

/** null stands for an absent field. */
function orNull(schema: JsonSchema): JsonSchema {
  if (typeof schema.type === "string") return { ...schema, type: [schema.type, "null"] };
  if (schema.enum) return { ...schema, enum: [...schema.enum, null] };
  if (Object.keys(schema).length === 0) return schema;
  return { anyOf: [...(schema.anyOf ?? [schema]), { type: "null" }] };
}

function described(name: string): { description?: string } {
  const text = descriptions[name];
  return text === undefined ? {} : { description: text };
}

function optionsOf({ proto }: DescField): LigatoOptions | undefined {
  return proto.options && hasExtension(proto.options, ligato_options)
    ? getExtension(proto.options, ligato_options)
    : undefined;
}

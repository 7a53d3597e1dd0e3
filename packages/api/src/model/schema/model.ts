import { type DescField, ScalarType } from "@bufbuild/protobuf";
import type { Model } from "../model.ts";
import { dialects, type JsonSchema, type SchemaOptions } from "./json-schema.ts";
import { Definitions } from "./message.ts";

/**
 * The schema of one value of a model: what `parseValue` accepts, and that it has what its key is made from. What
 * fields mean together is not in it; descriptors and VPP know that.
 */
export function modelSchema(model: Model, options: SchemaOptions = {}): JsonSchema {
  const { uri, definitions } = dialects[options.dialect ?? "draft-07"];
  const collected = new Definitions(`#/${definitions}/`, options.fieldNames ?? "both");
  const value = valueSchema(model, collected);
  return {
    $schema: uri,
    title: `${model.spec.module} ${model.spec.type} ${model.spec.version}`,
    ...value,
    [definitions]: collected.all,
  };
}

/** A value with everything that its key needs. */
export function valueSchema(model: Model, definitions: Definitions): JsonSchema {
  const { $ref } = definitions.reference(model.schema);
  const needed = requiredFields(model).map((field) => ({
    anyOf: definitions.namesOf(field).map((name) => ({
      required: [name],
      properties: { [name]: { type: "string", minLength: 1 } },
    })),
  }));
  return { allOf: [{ $ref: $ref ?? "" }, ...needed] };
}

/**
 * Fields without which there is no useful key: where it is made of texts alone and always of all of them. Numbers and
 * enums count from 0, which is as good as absent, and a template with a condition leaves texts out.
 */
function requiredFields({ naming, schema }: Model): DescField[] {
  if (!naming || naming.template.includes("{{if")) return [];
  const fields = schema.fields.filter(({ name }) => naming.fields.includes(name));
  return fields.every(({ scalar }) => scalar === ScalarType.STRING) ? fields : [];
}

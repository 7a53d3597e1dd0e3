import type { Field, Fields } from "./field.ts";

/** A part of a structural schema (apiextensions.k8s.io/v1 JSONSchemaProps). */
export interface Schema {
  readonly [keyword: string]: unknown;
}

/** Largest text that no field has a limit for; CEL's cost estimate needs one. */
const anyLength = 1024;

export function schemaOf(field: Field): Schema {
  const description = field.default === undefined ? field.text : `${field.text}. Default: ${field.default}`;
  switch (field.kind) {
    case "string":
      return {
        type: "string",
        description,
        ...(field.values && { enum: field.values }),
        ...(field.pattern !== undefined && { "x-kubernetes-validations": [patternRule(field.pattern, field.expect)] }),
        ...(!field.values && { maxLength: field.maxLength ?? anyLength }),
      };
    case "integer":
      return { type: "integer", format: "int32", description, minimum: field.min, maximum: field.max };
    case "flag":
      return flagSchema(description);
    case "map":
      return {
        type: "object",
        description,
        maxProperties: 64,
        additionalProperties: { type: "string", maxLength: anyLength },
      };
    case "passed":
      return { type: "object", description, "x-kubernetes-preserve-unknown-fields": true };
    case "list":
      return {
        type: "array",
        description,
        maxItems: field.maxItems,
        items: schemaOf(field.item),
        ...(field.key !== undefined && { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [field.key] }),
      };
    case "object":
      return { type: "object", description, ...objectSchema(field.fields) };
  }
}

/** As a rule and not as a `pattern`, of which the server would only say that it does not match. */
const patternRule = (pattern: string, expect: string | undefined): Schema => ({
  rule: `self.matches(r'${pattern}')`,
  message: `does not fit; write ${expect ?? `text that matches ${pattern}`}`,
});

export function objectSchema(fields: Fields): Schema {
  const entries = Object.entries(fields);
  const required = entries.filter(([, field]) => field.required).map(([name]) => name);
  return {
    properties: Object.fromEntries(entries.map(([name, field]) => [name, schemaOf(field)])),
    ...(required.length > 0 && { required }),
  };
}

/** Booleans that older documents write as text. A schema type for both does not exist, so it is left open but for the values. */
export const flagSchema = (description: string): Schema => ({
  description,
  "x-kubernetes-preserve-unknown-fields": true,
  enum: ["true", "false", true, false],
});

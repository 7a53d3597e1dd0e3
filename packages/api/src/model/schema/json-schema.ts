/** The part of JSON Schema that we write; the same words in draft-07 and 2020-12. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly deprecated?: boolean;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly contentEncoding?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly minLength?: number;
  readonly minItems?: number;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
}

/**
 * draft-07 is what YAML editors (redhat.vscode-yaml and all that use its server) know best; 2020-12 is for validators.
 */
export type Dialect = "draft-07" | "2020-12";

export const dialects: Readonly<
  Record<Dialect, { readonly uri: string; readonly definitions: "definitions" | "$defs" }>
> = {
  "draft-07": { uri: "http://json-schema.org/draft-07/schema#", definitions: "definitions" },
  "2020-12": { uri: "https://json-schema.org/draft/2020-12/schema", definitions: "$defs" },
};

/** How fields may be called: as in the .proto file, as in JSON, or both. */
export type FieldNames = "proto" | "json" | "both";

export interface SchemaOptions {
  /** Default "draft-07". */
  readonly dialect?: Dialect;
  /** Default "both". */
  readonly fieldNames?: FieldNames;
}

// JSON Schema of models and of whole configurations, for editors and validators.
export { type ConfigurationOptions, configurationSchema, type Place } from "./configuration.ts";
export type { Dialect, FieldNames, JsonSchema, SchemaOptions } from "./json-schema.ts";
export { modelSchema } from "./model.ts";

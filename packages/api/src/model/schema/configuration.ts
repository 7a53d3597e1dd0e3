import type { Model } from "../model.ts";
import { dialects, type JsonSchema, type SchemaOptions } from "./json-schema.ts";
import { Definitions } from "./message.ts";
import { valueSchema } from "./model.ts";

/** Where a configuration keeps the values of a model. */
export interface Place {
  /** "linuxConfig" */
  readonly group: string;
  /** Names of the list in it, or of the value of a model that has one only: "routes". The first is the usual one. */
  readonly names: readonly string[];
}

export interface ConfigurationOptions extends SchemaOptions {
  place(model: Model): Place;
}

/** The schema of the document that `agentctl config update` and PUT /configuration take. */
export function configurationSchema(models: readonly Model[], options: ConfigurationOptions): JsonSchema {
  const { dialect = "draft-07", fieldNames = "both" } = options;
  const { uri, definitions } = dialects[dialect];
  const collected = new Definitions(`#/${definitions}/`, fieldNames);
  const groups = new Map<string, Record<string, JsonSchema>>();
  for (const model of models) {
    const { group, names } = options.place(model);
    const value = valueSchema(model, collected);
    const content: JsonSchema = {
      description: `${model.spec.module} ${model.spec.type}`,
      ...(model.naming ? { type: ["array", "null"], items: value } : { anyOf: [value, { type: "null" }] }),
    };
    const fields = groups.get(group) ?? {};
    for (const name of fieldNames === "both" ? names : names.slice(0, 1)) fields[name] = content;
    groups.set(group, fields);
  }
  const properties: Record<string, JsonSchema> = {};
  for (const [group, fields] of groups) {
    const content = { type: ["object", "null"], properties: fields, additionalProperties: false };
    for (const name of groupNames(group, fieldNames)) properties[name] = content;
  }
  return {
    $schema: uri,
    title: "Configuration of an agent",
    type: "object",
    properties,
    additionalProperties: false,
    [definitions]: collected.all,
  };
}

/** "linuxConfig" and "linux_config". */
function groupNames(group: string, fieldNames: SchemaOptions["fieldNames"]): string[] {
  const snake = group.replace(/Config$/, "_config");
  return fieldNames === "proto" ? [snake] : fieldNames === "json" ? [group] : [group, snake];
}

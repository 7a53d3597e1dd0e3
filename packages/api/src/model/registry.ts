import { CodedError } from "@nsmkit/core";
import type { Model } from "./model.ts";

/** Models by what identifies them in documents, keys and messages. */
export interface ModelRegistry {
  /** In the order in which they were given. */
  readonly models: readonly Model[];
  /** By module and type; a version that is given must be the model's. */
  modelOf(module: string, type: string, version?: string): Model | undefined;
  /** By "<module>.<type>". */
  modelOfName(name: string): Model | undefined;
  /** By the full name of its message. */
  modelOfMessage(typeName: string): Model | undefined;
  /** By a key without the agent's prefix; `name` is what follows the model's prefix, empty for a singleton. */
  modelOfKey(key: string): { model: Model; name: string } | undefined;
}

/** Throws ALREADY_EXISTS when two models share a name, a message or a key prefix. */
export function createModelRegistry(models: readonly Model[]): ModelRegistry {
  const byName = index(models, "name", (model) => model.name);
  const byMessage = index(models, "message", (model) => model.schema.typeName);
  const byPrefix = index(models, "key", (model) => model.keyPrefix);
  return {
    models: [...models],
    modelOf(module, type, version) {
      const model = byName.get(`${module}.${type}`);
      // "a.b" + "c" and "a" + "b.c" are the same name.
      if (model?.spec.module !== module) return undefined;
      return version === undefined || version === model.spec.version ? model : undefined;
    },
    modelOfName: (name) => byName.get(name),
    modelOfMessage: (typeName) => byMessage.get(typeName),
    modelOfKey(key) {
      const singleton = byPrefix.get(key);
      if (singleton && !singleton.naming) return { model: singleton, name: "" };
      // The longest prefix wins: the type "a.b" lies below the type "a".
      for (let slash = key.lastIndexOf("/", key.length - 2); slash > 0; slash = key.lastIndexOf("/", slash - 1)) {
        const model = byPrefix.get(key.slice(0, slash + 1));
        if (model) return { model, name: key.slice(slash + 1) };
      }
      return undefined;
    },
  };
}

function index(models: readonly Model[], what: string, by: (model: Model) => string): ReadonlyMap<string, Model> {
  const map = new Map<string, Model>();
  for (const model of models) {
    const id = by(model);
    if (map.has(id))
      throw new CodedError("ALREADY_EXISTS", `two models have the ${what} ${id}`, { details: { what, id } });
    map.set(id, model);
  }
  return map;
}

import { keyOf, parseValue } from "@nsmkit/api/model";
import type { Item } from "../item.ts";
import type { DocumentContext } from "./document.ts";
import { isObject, unknownFields } from "./object.ts";

/** Start of every key in a key-value store, before the microservice label. */
export const agentPrefix = "/vnf-agent/";

type Entry = { readonly key: unknown; readonly value: unknown; readonly path: readonly (string | number)[] };

/** The file form of a key-value store: `data: [{key, value}]` (cn-infra filedb), or an object whose fields are keys. */
export function isKeyValueDocument(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const keys = Object.keys(value);
  return (
    (keys.length === 1 && Array.isArray(value.data)) ||
    (keys.length > 0 && keys.every((key) => key.startsWith(agentPrefix) || key.startsWith("config/")))
  );
}

/** Keys may leave out the prefix with the label; keys of another label are left out. */
export function readKeyValues(document: Record<string, unknown>, context: DocumentContext): Item[] {
  return entries(document, context).flatMap((entry) => {
    const at = context.at(entry.path);
    const wrong = (text: string): [] => {
      context.problems.add(at, text);
      return [];
    };
    if (typeof entry.key !== "string" || entry.key === "") return wrong("key is missing; write the key of the value");
    const key = ownKey(entry.key, context.label);
    if (key === undefined) {
      context.ignored.push(entry.key);
      return [];
    }
    const shown = JSON.stringify(entry.key.slice(0, 120));
    const found = context.models.modelOfKey(key);
    if (!found) {
      const known = context.models.models.map(({ keyPrefix }) => keyPrefix).join(", ");
      return wrong(`key ${shown} belongs to no model of this agent; keys begin with ${known}`);
    }
    const value = context.problems.catching(at, () => parseValue(found.model, entry.value, { object: `key ${shown}` }));
    if (!value) return [];
    const computed = context.problems.catching(at, () => keyOf(found.model, value));
    if (computed === undefined) return [];
    if (computed !== key)
      return wrong(`key ${shown} does not fit its value, whose key is "${computed}"; correct one of them`);
    return [{ key, model: found.model, value, place: at }];
  });
}

function entries(document: Record<string, unknown>, context: DocumentContext): Entry[] {
  if (!Array.isArray(document.data)) {
    return Object.entries(document).map(([key, value]) => ({ key, value, path: [key] }));
  }
  return document.data.flatMap((entry: unknown, i) => {
    const path = ["data", i];
    if (!isObject(entry)) {
      context.problems.add(context.at(path), `data entry ${i + 1} is no object; write key and value`);
      return [];
    }
    for (const { key, text } of unknownFields(entry, ["key", "value"]))
      context.problems.add(context.at([...path, key]), text);
    return [{ key: entry.key, value: entry.value, path }];
  });
}

/** The key without `/vnf-agent/<label>/`; undefined for another label. */
function ownKey(key: string, label: string): string | undefined {
  if (!key.startsWith(agentPrefix)) return key;
  const own = `${agentPrefix}${label}/`;
  return key.startsWith(own) ? key.slice(own.length) : undefined;
}

import { keyOf, type ModelRegistry, parseValue } from "@nsmkit/api/model";
import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import type { KeyValue } from "../../etcd/api.ts";
import { shown, textOf } from "../../etcd/bytes.ts";
import type { Item } from "../item.ts";

export interface DecodeContext {
  readonly models: ModelRegistry;
  /** "/vnf-agent/<label>/" */
  readonly prefix: string;
  /** Applied to the text of a value before it is read. */
  readonly expand?: ((text: string) => string) | undefined;
}

/** A key below the agent's prefix: "config/..."; for one that is no text, how people are shown it. */
export function localKey(key: Uint8Array, prefix: string): string {
  const text = textOf(key);
  if (text !== undefined) return text.slice(prefix.length);
  return shown(key);
}

/** Where an item of the store was declared, for errors. */
export const placeOf = (prefix: string, key: string): string => `etcd key ${prefix}${key}`;

/**
 * Reads one pair of the store. Strict: an unknown field or model, or a key that does not fit its value, is an error.
 * @throws CodedError INVALID_CONFIG naming the key and what is wrong
 */
export function decodeItem(kv: KeyValue, context: DecodeContext): Item {
  const { models, prefix, expand } = context;
  const key = localKey(kv.key, prefix);
  const object = `key ${JSON.stringify(key.slice(0, 300))}`;
  const wrong = (text: string, cause?: unknown): CodedError =>
    new CodedError("INVALID_CONFIG", `${object}: ${text}`, cause === undefined ? {} : { cause });
  if (textOf(kv.key) === undefined) throw wrong("the key is no UTF-8 text; delete it");
  const found = models.modelOfKey(key);
  if (found?.model.spec.class !== "config") {
    const modules = [...new Set(models.models.map(({ spec }) => spec.module))].join(", ");
    throw wrong(`belongs to no model of this agent, which knows ${modules}`);
  }
  const text = textOf(kv.value);
  if (text === undefined) throw wrong("the value is no UTF-8 text; values are JSON");
  let json: unknown;
  try {
    json = JSON.parse(expand ? expand(text) : text);
  } catch (cause) {
    throw wrong(`the value is no JSON: ${messageOf(cause)}`, cause);
  }
  try {
    const value = parseValue(found.model, json, { object });
    const computed = keyOf(found.model, value);
    if (computed !== key) throw wrong(`does not fit its value, whose key is "${computed}"; correct one of them`);
    return { key, model: found.model, value, place: placeOf(prefix, key) };
  } catch (error) {
    if (isCodedError(error, "INVALID_CONFIG")) throw error;
    throw wrong(messageOf(error), error);
  }
}

import { formatValue, keyOf, type Model, parseValue } from "@nsmkit/api/model";
import { allModels } from "@nsmkit/api/model/vpp";
import { CodedError, messageOf } from "@nsmkit/core";
import { splitWhole } from "./keys.ts";

export interface CheckedValue {
  readonly model: Model;
  readonly value: ReturnType<typeof parseValue>;
  /** Canonical JSON. */
  readonly text: string;
}

/**
 * The value of a whole key as its model has it.
 * @returns undefined for keys of no model that is declared: status, notifications, models of others
 * @throws CodedError INVALID_CONFIG where the value is wrong or has another key
 */
export function checkValue(key: string, text: string): CheckedValue | undefined {
  const rest = splitWhole(key)?.key;
  const model = rest === undefined ? undefined : allModels.modelOfKey(rest)?.model;
  if (!model || rest === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CodedError("INVALID_CONFIG", `${key}: the value is no JSON: ${messageOf(cause)}`, { cause });
  }
  const value = parseValue(model, json, { object: key });
  const own = keyOf(model, value);
  if (own !== rest) throw new CodedError("INVALID_CONFIG", `${key}: the value has the key ${own}; correct one of them`);
  return { model, value, text: JSON.stringify(formatValue(model, value as never)) };
}

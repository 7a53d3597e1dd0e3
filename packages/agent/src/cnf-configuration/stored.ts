import { formatValue } from "@nsmkit/api/model";
import { agentPrefix } from "../northbound/files/key-values.ts";
import type { ConfiguredItem } from "./read.ts";

/** The key of an item in the store that all agents share: `/vnf-agent/<label>/<model key>`. */
export function storedKey({ label, key }: Pick<ConfiguredItem, "label" | "key">): string {
  return `${agentPrefix}${label}/${key}`;
}

/** The value of an item in the store: JSON with original field names, defaults left out, fields as declared. */
export function storedValue({ model, value }: Pick<ConfiguredItem, "model" | "value">): string {
  return JSON.stringify(formatValue(model, value));
}

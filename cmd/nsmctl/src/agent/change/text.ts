import { formatLigatoConfig } from "@nsmkit/agent/documents";
import { allModels } from "@nsmkit/api/model/vpp";
import { stringify } from "yaml";
import type { Item } from "./read-files.ts";

/** Values as the configuration that agentctl prints and takes. */
export function configText(items: Iterable<Pick<Item, "model" | "value">>): string {
  return stringify(formatLigatoConfig(items, allModels));
}

import { type Declaration, readDeclaration } from "@nsmkit/agent/documents";
import { allModels } from "@nsmkit/api/model/vpp";
import { CodedError } from "@nsmkit/core";
import { readFiles } from "../../cnf/files.ts";
import type { Session } from "../connection/session.ts";

export type Item = Declaration["items"][number];

/**
 * The values of files in any form that an agent reads: Ligato configuration, CNFConfiguration, keys and values.
 * @throws CodedError INVALID_CONFIG for everything that is wrong in one file, NOT_FOUND, INVALID_ARGUMENT
 */
export async function readItems(paths: readonly string[], session: Session): Promise<Item[]> {
  const files = await readFiles(paths, { signal: session.signal });
  const label = session.givenLabel;
  const declared = files.map(({ name, text }) =>
    readDeclaration(text, { name, models: allModels, label: label ?? "" }),
  );
  const items = declared.flatMap((one) => one.items);
  const seen = new Map<string, Item>();
  for (const item of items) {
    const twin = seen.get(item.key);
    if (twin)
      throw new CodedError("INVALID_CONFIG", `${item.place}: ${item.key} is also at ${twin.place}; keep one of them`);
    seen.set(item.key, item);
  }
  const ignored = declared.flatMap((one) => one.ignored);
  if (items.length === 0)
    throw new CodedError(
      ignored.length > 0 && label === undefined ? "INVALID_ARGUMENT" : "NOT_FOUND",
      `${paths.join(", ")}: there is nothing in it for ${label === undefined ? "an agent without --service-label" : `agent ${label}`}${ignored.length > 0 ? ` (${ignored.slice(0, 5).join("; ")})` : ""}`,
    );
  for (const what of ignored) session.note(`left out: ${what}`);
  return items;
}

/** "a=b", "a=", "a" -> labels. @throws CodedError INVALID_ARGUMENT */
export function readLabels(texts: readonly string[], excluding = false): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of texts.flatMap((one) => one.split(","))) {
    const [, key = "", value = ""] = /^([^=]*)(?:=(.*))?$/s.exec(text.trim()) ?? [];
    const plain = key.replace(/^!/, "");
    if (plain === "" || (key.startsWith("!") && !excluding))
      throw new CodedError("INVALID_ARGUMENT", `--labels: ${JSON.stringify(text)} is no label; write key=value or key`);
    if (key in labels) throw new CodedError("INVALID_ARGUMENT", `--labels names ${key} twice; keep one`);
    labels[key] = value;
  }
  return labels;
}

import { formatLigatoConfig } from "@nsmkit/agent/documents";
import { allModels } from "@nsmkit/api/model/vpp";
import { stringify } from "yaml";
import type { Format } from "../../lab/view/output.ts";
import { table } from "../../lab/view/table.ts";
import type { ReadItem } from "../read/configuration.ts";

/** Values as configuration, or as a table with what became of them. */
export function configurationText(items: readonly ReadItem[], format: Format): string {
  if (format === "table") {
    const rows = items.map(({ model, name, status, labels }) => [
      model,
      name,
      status?.state ?? "",
      Object.entries(labels ?? {})
        .map(([key, value]) => (value === "" ? key : `${key}=${value}`))
        .join(","),
      status?.message ?? "",
    ]);
    return rows.length === 0 ? "Nothing is configured.\n" : table(["MODEL", "NAME", "STATE", "LABELS", "REASON"], rows);
  }
  const known = items.flatMap((item) => item.known ?? []);
  const config = formatLigatoConfig(known, allModels);
  const unknown = items.filter((item) => !item.known).map(({ model, name }) => `${model} ${name}`.trim());
  if (format === "json") return `${JSON.stringify(config, null, 2)}\n`;
  const notes = unknown.map((what) => `# not shown, nsmctl does not know this model: ${what}\n`).join("");
  return `${notes}${stringify(config)}`;
}

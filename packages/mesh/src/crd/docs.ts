import type { Field, Fields } from "./field.ts";
import { fields2020, fields2023 } from "./fields.ts";

/** The fields of one form as a Markdown table, nested ones under their path. */
export function fieldTable(form: "2020" | "2023"): string {
  const rows = rowsOf(form === "2020" ? fields2020 : fields2023, "");
  return ["| Field | Type | Default | Meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function rowsOf(fields: Fields, parent: string): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const path = `${parent}${name}`;
    const row = `| \`${path}\` | ${typeOf(field)} | ${field.required ? "required" : (field.default ?? "")} | ${field.text} |`;
    return [row, ...below(field, path)];
  });
}

function below(field: Field, path: string): string[] {
  // Variables and resources are Kubernetes' own, and many components have them.
  if (/(^|\.)(envVars|resources)$/.test(path)) return [];
  if (field.kind === "object") return rowsOf(field.fields, `${path}.`);
  return field.kind === "list" && field.item.kind === "object" ? rowsOf(field.item.fields, `${path}[].`) : [];
}

function typeOf(field: Field): string {
  switch (field.kind) {
    case "string":
      return field.values ? field.values.map((value) => `\`${value}\``).join(", ") : "text";
    case "integer":
      return `${field.min} to ${field.max}`;
    case "flag":
      return "`true`, `false`, also in quotes";
    case "list":
      return `list of ${field.item.kind === "object" ? "objects" : "texts"}`;
    case "map":
      return "map of texts";
    case "passed":
    case "object":
      return "object";
  }
}

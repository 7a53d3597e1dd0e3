/** The documentation of a chart's values, from the comments of its values.yaml. */
import { isMap, parseDocument } from "yaml";

export interface Value {
  /** As for --set: image.repository. */
  readonly path: string;
  readonly default: unknown;
  readonly text: string;
}

/**
 * Every documented value. A comment that starts with `--` documents the value below it, with all that is in it.
 * @throws Error for a value that nothing documents
 */
export function documentedValues(source: string): Value[] {
  const { contents } = parseDocument(source);
  const values: Value[] = [];
  const walk = (node: unknown, path: string): void => {
    if (!isMap(node)) throw new Error(`${path || "values.yaml"} has no comment that starts with "# --"`);
    for (const [index, pair] of node.items.entries()) {
      const key = pair.key as { value: string; commentBefore?: string };
      const comment = key.commentBefore ?? (index === 0 ? node.commentBefore : undefined);
      const at = path === "" ? key.value : `${path}.${key.value}`;
      const [, text] = /^ -- ([\s\S]+)$/.exec(comment ?? "") ?? [];
      const value = pair.value as { toJSON(): unknown };
      if (text === undefined) walk(value, at);
      else values.push({ path: at, default: value.toJSON(), text: text.replaceAll(/\n ?/g, " ") });
    }
  };
  walk(contents, "");
  return values;
}

export function valuesTable(source: string): string {
  const rows = documentedValues(source).map(
    (value) => `| \`${value.path}\` | \`${JSON.stringify(value.default)}\` | ${value.text.replaceAll("|", "\\|")} |`,
  );
  return `| Value | Default | Meaning |\n|---|---|---|\n${rows.join("\n")}\n`;
}

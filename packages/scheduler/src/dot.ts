import type { RecordedNode } from "./history/graph-view.ts";

const fill: Readonly<Record<string, string>> = {
  MISSING: "gray60",
  UNIMPLEMENTED: "khaki3",
  REMOVED: "gray20",
  OBTAINED: "lightcyan",
  DISCOVERED: "palegreen1",
  PENDING: "pink",
  INVALID: "firebrick3",
  FAILED: "orangered",
  RETRYING: "orange",
};
const absent = new Set(["MISSING", "UNIMPLEMENTED", "REMOVED", "PENDING"]);

/**
 * A graph snapshot in the DOT language: a box per value, grouped by descriptor; solid arrows to dependencies (dotted
 * where nothing is there to depend on), dashed ones to derived values. `highlight`: keys drawn with a thick border.
 */
export function toDot(nodes: readonly RecordedNode[], highlight: ReadonlySet<string> = new Set()): string {
  const known = new Set(nodes.map((node) => node.Key));
  const byDescriptor = Map.groupBy(nodes, (node) => node.Flags.descriptor ?? "");
  const lines = [
    "digraph scheduler {",
    "  rankdir=LR;",
    "  node [shape=box, style=filled, fillcolor=white, fontsize=9];",
  ];
  for (const [descriptor, members] of byDescriptor) {
    const boxes = members.map((node) => box(node, highlight.has(node.Key)));
    if (descriptor === "") lines.push(...boxes);
    else lines.push(`  subgraph ${quote(`cluster ${descriptor}`)} {`, `  label=${quote(descriptor)};`, ...boxes, "  }");
  }
  for (const node of nodes) lines.push(...arrows(node, known));
  return `${lines.join("\n")}\n}\n`;
}

function box(node: RecordedNode, highlighted: boolean): string {
  const state = node.Flags["value-state"] ?? "";
  const isDerived = node.Flags.derived !== undefined;
  const style = ["filled", ...(isDerived ? ["rounded"] : []), ...(absent.has(state) ? ["dashed"] : [])].join(",");
  const color = fill[state] ?? (isDerived ? "lightyellow" : "white");
  const tooltip = [state, node.Key, node.Flags.error ?? ""].join("\n");
  const attributes = [
    `label=${quote(node.Label)}`,
    `style=${quote(style)}`,
    `fillcolor=${quote(color)}`,
    `tooltip=${quote(tooltip)}`,
    ...(highlighted ? ["penwidth=3"] : []),
  ];
  return `  ${quote(node.Key)} [${attributes.join(", ")}];`;
}

function arrows(node: RecordedNode, known: ReadonlySet<string>): string[] {
  return node.Targets.flatMap(({ Relation, Label, ExpectedKey, MatchingKeys }) => {
    if (Relation === "derives") {
      return MatchingKeys.map((key) => `  ${quote(node.Key)} -> ${quote(key)} [style=dashed, arrowhead=empty];`);
    }
    if (MatchingKeys.length > 0) {
      return MatchingKeys.map((key) => `  ${quote(node.Key)} -> ${quote(key)} [tooltip=${quote(Label)}];`);
    }
    const goal = ExpectedKey === "" || known.has(ExpectedKey) ? ExpectedKey || `any of: ${Label}` : ExpectedKey;
    return [`  ${quote(node.Key)} -> ${quote(goal)} [style=dotted, color=red, tooltip=${quote(Label)}];`];
  });
}

/** A DOT string: only the quote needs escaping, a backslash would begin an escape of DOT's own, a newline is \n. */
function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

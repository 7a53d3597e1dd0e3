import type { RecordedNode } from "@nsmkit/scheduler";

const size = { box: 360, height: 34, gapX: 70, gapY: 10, margin: 20 };

const colours: Readonly<Record<string, string>> = {
  CONFIGURED: "#d5efd5",
  OBTAINED: "#d8e6f7",
  DISCOVERED: "#d8e6f7",
  PENDING: "#fdf3c4",
  RETRYING: "#fbdcc0",
  INVALID: "#f6c6c6",
  FAILED: "#f6c6c6",
  MISSING: "#f6c6c6",
};

/** The graph as a drawing without any tool: what others stand on is on the left, colours show states. */
export function drawGraph(nodes: readonly RecordedNode[]): string {
  const byKey = new Map(nodes.map((node) => [node.Key, node]));
  const columns = new Map<string, number>();
  for (const node of nodes) columnOf(node, byKey, columns, new Set());
  const rows = new Map<number, number>();
  const places = new Map<string, { x: number; y: number }>();
  for (const node of [...nodes].sort((a, b) => (a.Key < b.Key ? -1 : 1))) {
    const column = columns.get(node.Key) ?? 0;
    const row = rows.get(column) ?? 0;
    rows.set(column, row + 1);
    places.set(node.Key, {
      x: size.margin + column * (size.box + size.gapX),
      y: size.margin + row * (size.height + size.gapY),
    });
  }
  const width = 2 * size.margin + Math.max(1, rows.size) * (size.box + size.gapX);
  const height = 2 * size.margin + Math.max(1, ...rows.values()) * (size.height + size.gapY);
  const lines = nodes.flatMap((node) => linesOf(node, places));
  const boxes = nodes.map((node) => boxOf(node, places.get(node.Key) ?? { x: 0, y: 0 }));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">\n${lines.join("")}${boxes.join("")}</svg>\n`;
}

/** One more than the farthest of what the node stands on; a circle is cut where it closes. */
function columnOf(
  node: RecordedNode,
  byKey: ReadonlyMap<string, RecordedNode>,
  columns: Map<string, number>,
  path: Set<string>,
): number {
  const known = columns.get(node.Key);
  if (known !== undefined || path.has(node.Key)) return known ?? 0;
  path.add(node.Key);
  let column = 0;
  for (const target of node.Targets) {
    if (target.Relation !== "depends-on") continue;
    for (const key of target.MatchingKeys) {
      const below = byKey.get(key);
      if (below) column = Math.max(column, 1 + columnOf(below, byKey, columns, path));
    }
  }
  path.delete(node.Key);
  columns.set(node.Key, column);
  return column;
}

function linesOf(node: RecordedNode, places: ReadonlyMap<string, { x: number; y: number }>): string[] {
  const from = places.get(node.Key);
  if (!from) return [];
  return node.Targets.flatMap((target) =>
    target.MatchingKeys.flatMap((key) => {
      const to = places.get(key);
      if (!to) return [];
      const dash = target.Relation === "derives" ? ' stroke-dasharray="4 3"' : "";
      const middle = size.height / 2;
      return [
        `<path d="M${from.x} ${from.y + middle}L${to.x + size.box} ${to.y + middle}" stroke="#888"${dash}><title>${escapeXml(`${target.Relation} ${target.Label}`)}</title></path>\n`,
      ];
    }),
  );
}

function boxOf(node: RecordedNode, { x, y }: { x: number; y: number }): string {
  const state = node.Flags["value-state"] ?? "";
  const error = node.Flags.error ? `: ${node.Flags.error}` : "";
  const short = node.Key.length > 58 ? `…${node.Key.slice(-57)}` : node.Key;
  const fill = colours[state] ?? "#eeeeee";
  return (
    `<g><title>${escapeXml(`${node.Key}\n${state}${error}`)}</title>` +
    `<rect x="${x}" y="${y}" width="${size.box}" height="${size.height}" rx="4" fill="${fill}" stroke="#555"/>` +
    `<text x="${x + 8}" y="${y + 14}">${escapeXml(short)}</text><text x="${x + 8}" y="${y + 28}" fill="#555">${escapeXml(`${state}${error}`.slice(0, 60))}</text></g>\n`
  );
}

function escapeXml(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no such characters
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "?")
  );
}

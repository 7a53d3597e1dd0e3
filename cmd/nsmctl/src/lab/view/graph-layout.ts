import type { Graph, GraphBox } from "./graph-model.ts";

/**
 * Columns from left to right such that edges lead to the right where they can; edges that close a circle do not count.
 * Boxes of a column stand in the order of those that they are joined to on the left.
 */
export function columnsOf({ boxes, edges }: Graph): GraphBox[][] {
  const next = new Map(boxes.map((box) => [box.id, [] as string[]]));
  for (const { from, to } of edges) if (from.box !== to.box) next.get(from.box)?.push(to.box);
  const level = new Map<string, number>();
  const onPath = new Set<string>();
  const place = (id: string, at: number): void => {
    if (onPath.has(id) || (level.get(id) ?? -1) >= at) return;
    level.set(id, at);
    onPath.add(id);
    for (const to of next.get(id) ?? []) place(to, at + 1);
    onPath.delete(id);
  };
  const reached = new Set(edges.filter(({ from, to }) => from.box !== to.box).map((edge) => edge.to.box));
  for (const box of boxes) if (!reached.has(box.id)) place(box.id, 0);
  // What is left stands in circles that nothing leads into.
  for (const box of boxes) if (!level.has(box.id)) place(box.id, 0);
  const columns: GraphBox[][] = [];
  for (const box of boxes) {
    const at = level.get(box.id) ?? 0;
    while (columns.length <= at) columns.push([]);
    columns[at]?.push(box);
  }
  return columns.map((column, i) => (i === 0 ? column : sortByNeighbours(column, columns[i - 1] ?? [], edges)));
}

function sortByNeighbours(column: readonly GraphBox[], before: readonly GraphBox[], edges: Graph["edges"]): GraphBox[] {
  const order = new Map(before.map((box, i) => [box.id, i]));
  const weight = (box: GraphBox): number => {
    const positions = edges.flatMap((edge) => (edge.to.box === box.id ? (order.get(edge.from.box) ?? []) : []));
    return positions.length === 0 ? before.length : positions.reduce((a, b) => a + b, 0) / positions.length;
  };
  return [...column].sort((a, b) => weight(a) - weight(b));
}

import { Canvas } from "./graph-canvas.ts";
import { columnsOf } from "./graph-layout.ts";
import type { Graph, GraphBox, GraphEdge, GraphEnd } from "./graph-model.ts";
import { width } from "./table.ts";

interface Placed {
  readonly box: GraphBox;
  readonly column: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Row of each port. */
  readonly rows: ReadonlyMap<string, number>;
}

/** How much is written into the drawing, from all to little, until it fits. */
const styles = [
  { labels: true, addressBelow: false },
  { labels: true, addressBelow: true },
  { labels: false, addressBelow: true },
] as const;
type Style = (typeof styles)[number];

/**
 * The topology as boxes and lines: a box per Pod with its interfaces and addresses, a line per connection.
 * @param columns width to fit into if possible; default 120
 */
export function graphText(graph: Graph, columns = 120): string {
  if (graph.boxes.length === 0) return "The lab has no Pods.\n";
  const drawings = styles.map((style) => draw(graph, style));
  const fits = drawings.find((drawing) => drawing.split("\n").every((line) => width(line) <= columns));
  const drawing = fits ?? drawings[drawings.length - 1] ?? "";
  return drawing === drawings[2] && drawing !== drawings[1] ? `${drawing}\n${legend(graph)}` : drawing;
}

function legend({ edges }: Graph): string {
  return edges
    .map(
      (edge) =>
        `${edge.from.box}:${edge.from.port} → ${edge.to.box}:${edge.to.port}${edge.label ? `  ${labelOf(edge).trim()}` : ""}\n`,
    )
    .join("");
}

function draw(graph: Graph, style: Style): string {
  const columns = columnsOf(graph);
  const canvas = new Canvas();
  const order = new Map(columns.flatMap((column, i) => column.map((box) => [box.id, i] as const)));
  const gaps = columns.map((_, i) => gapEdges(graph.edges, order, i));
  const gapWidths = gaps.map(
    (gap, i) => 3 + 2 * gap.length + (style.labels ? Math.max(0, ...labelsOf(graph.edges, order, i).map(width)) : 0),
  );
  const placed = place(columns, graph.edges, gapWidths, style);
  for (const at of placed.values()) drawBox(canvas, at, style);
  const bottom = Math.max(...[...placed.values()].map((at) => at.y + at.height));
  let lane = bottom;
  for (const edge of graph.edges) {
    const [a, b] = [placed.get(edge.from.box), placed.get(edge.to.box)];
    if (!a || !b) continue;
    const channel = (gap: number): number => {
      const right = [...placed.values()].filter((at) => at.column === gap).map((at) => at.x + at.width);
      const end = Math.max(...right) + (gapWidths[gap] ?? 0);
      return end - 2 - 2 * (gaps[gap]?.indexOf(edge) ?? 0);
    };
    const [fromX, fromY] = [a.x + a.width - 1, rowOf(a, edge.from)];
    const [toX, toY] = [b.x, rowOf(b, edge.to)];
    if (b.column === a.column + 1) {
      const x = channel(a.column);
      canvas.horizontal(fromY, fromX, x);
      canvas.vertical(x, fromY, toY);
      canvas.horizontal(toY, x, toX);
    } else {
      // Around the boxes in between: down, along a lane of its own, up again.
      const y = lane++;
      const [x1, x2] = [channel(a.column), b.column > 0 ? channel(b.column - 1) : -1];
      canvas.horizontal(fromY, fromX, x1);
      canvas.vertical(x1, fromY, y);
      const end = x2 >= 0 ? x2 : b.x;
      canvas.horizontal(y, x1, end);
      canvas.vertical(end, y, x2 >= 0 ? toY : b.y + b.height - 1);
      if (x2 >= 0) canvas.horizontal(toY, x2, toX);
    }
    if (style.labels && edge.label !== "") canvas.write(fromX + 2, fromY, labelOf(edge));
  }
  return canvas.toString();
}

/** The edges that need a vertical line in the gap right of column `gap`. */
function gapEdges(edges: readonly GraphEdge[], order: ReadonlyMap<string, number>, gap: number): GraphEdge[] {
  return edges.filter((edge) => {
    const [from, to] = [order.get(edge.from.box), order.get(edge.to.box)];
    if (from === undefined || to === undefined) return false;
    return from === gap || (to !== from + 1 && to === gap + 1);
  });
}

function labelsOf(edges: readonly GraphEdge[], order: ReadonlyMap<string, number>, gap: number): string[] {
  return edges
    .filter((edge) => edge.label !== "" && order.get(edge.from.box) === gap)
    .map((edge) => `${labelOf(edge)}  `);
}

function labelOf({ label, via }: GraphEdge): string {
  return ` ${label}${via === undefined ? "" : ` (${via})`} `;
}

/** Gives each box its place: columns beside each other, in each a box as level with what leads to it as there is room. */
function place(
  columns: readonly (readonly GraphBox[])[],
  edges: readonly GraphEdge[],
  gapWidths: readonly number[],
  style: Style,
): Map<string, Placed> {
  const placed = new Map<string, Placed>();
  let x = 0;
  for (const [i, column] of columns.entries()) {
    const sizes = column.map((box) => sizeOf(box, style));
    const columnWidth = Math.max(...sizes.map((size) => size.width));
    let free = Number.NEGATIVE_INFINITY;
    for (const [n, box] of column.entries()) {
      const { height, rows } = sizes[n] ?? { height: 0, rows: new Map<string, number>() };
      const wanted = levelOf(box, rows, placed, edges) ?? (n === 0 ? 0 : free);
      const y = Math.max(free, wanted);
      placed.set(box.id, { box, column: i, x, y, width: columnWidth, height, rows });
      free = y + height + 1;
    }
    x += columnWidth + (gapWidths[i] ?? 0);
  }
  const top = Math.min(...[...placed.values()].map((at) => at.y));
  return new Map([...placed].map(([id, at]) => [id, { ...at, y: at.y - top }]));
}

/** Where a box would stand so that the lines that lead to it are straight, on average. */
function levelOf(
  box: GraphBox,
  rows: ReadonlyMap<string, number>,
  placed: ReadonlyMap<string, Placed>,
  edges: readonly GraphEdge[],
): number | undefined {
  const levels = edges.flatMap((edge) => {
    const from = edge.to.box === box.id ? placed.get(edge.from.box) : undefined;
    return from ? [rowOf(from, edge.from) - (rows.get(edge.to.port) ?? 1)] : [];
  });
  return levels.length === 0 ? undefined : Math.round(levels.reduce((a, b) => a + b, 0) / levels.length);
}

function sizeOf(box: GraphBox, style: Style): { width: number; height: number; rows: Map<string, number> } {
  const lines = linesOf(box, style);
  const rows = new Map<string, number>();
  let row = 2;
  for (const port of box.ports) {
    rows.set(port.name, row);
    row += portLines(port, style).length;
  }
  const widest = Math.max(width(box.id) + 2, ...lines.map(width));
  return { width: widest + 4, height: lines.length + 2, rows };
}

function linesOf(box: GraphBox, style: Style): string[] {
  const place = box.kind === "pod" ? `on ${box.node}` : "physical";
  return [place, ...box.ports.flatMap((port) => portLines(port, style))];
}

function portLines({ name: ownName, addresses, master }: GraphBox["ports"][number], { addressBelow }: Style): string[] {
  const name = master === undefined ? ownName : `${ownName} in ${master}`;
  if (addresses.length === 0) return [name];
  if (addressBelow) return [name, ...addresses.map((address) => ` ${address}`)];
  return addresses.map((address, i) => `${i === 0 ? name : " ".repeat(width(name))} ${address}`);
}

function drawBox(canvas: Canvas, { box, x, y, width: boxWidth, height }: Placed, style: Style): void {
  canvas.box(x, y, boxWidth, height);
  canvas.write(x + 2, y, ` ${box.id} `);
  for (const [i, line] of linesOf(box, style).entries()) canvas.write(x + 2, y + 1 + i, line);
}

function rowOf(at: Placed, end: GraphEnd): number {
  return at.y + (at.rows.get(end.port) ?? 1);
}

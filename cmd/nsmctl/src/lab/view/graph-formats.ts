import type { Graph, GraphEdge, GraphEnd } from "./graph-model.ts";

/** Graphviz. */
export function graphDot(graph: Graph): string {
  const quote = (text: string): string => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  const field = (text: string): string => text.replaceAll(/[\\{}|<> "]/g, "\\$&");
  const boxes = graph.boxes.map((box) => {
    const ports = box.ports.map((port, i) => `<p${i}> ${field([port.name, ...port.addresses].join(" "))}`);
    const label = [field(box.id), ...ports].join("|");
    return `  ${quote(box.id)} [label="${label}"];\n`;
  });
  const end = ({ box, port }: GraphEnd): string => {
    const index = graph.boxes.find((candidate) => candidate.id === box)?.ports.findIndex((p) => p.name === port) ?? -1;
    return index < 0 ? quote(box) : `${quote(box)}:p${index}`;
  };
  const edges = graph.edges.map((edge) => `  ${end(edge.from)} -> ${end(edge.to)} [label=${quote(text(edge))}];\n`);
  return `digraph lab {\n  rankdir=LR;\n  node [shape=record];\n${boxes.join("")}${edges.join("")}}\n`;
}

/** A Mermaid flow chart, as Markdown viewers draw it. */
export function graphMermaid(graph: Graph): string {
  const ids = new Map(graph.boxes.map((box, i) => [box.id, `n${i}`]));
  const safe = (label: string): string => label.replaceAll('"', "#quot;");
  const boxes = graph.boxes.map((box) => {
    const lines = [box.id, ...box.ports.map((port) => [port.name, ...port.addresses].join(" "))];
    return `  ${ids.get(box.id)}["${lines.map(safe).join("<br/>")}"]\n`;
  });
  const edges = graph.edges.map((edge) => {
    const label = text(edge);
    return `  ${ids.get(edge.from.box)} -->${label === "" ? "" : `|"${safe(label)}"|`} ${ids.get(edge.to.box)}\n`;
  });
  return `flowchart LR\n${boxes.join("")}${edges.join("")}`;
}

function text({ label, via }: GraphEdge): string {
  return via === undefined ? label : `${label} (${via})`;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { graphDot, graphMermaid } from "./graph-formats.ts";
import type { Graph } from "./graph-model.ts";
import { graphText } from "./graph-text.ts";
import { width } from "./table.ts";

const box = (id: string, ...ports: [name: string, ...addresses: string[]][]) => ({
  id,
  kind: "pod" as const,
  node: "node-1",
  ports: ports.map(([name, ...addresses]) => ({ name, addresses })),
});
const chain: Graph = {
  boxes: [
    box("web", ["tap0", "80.80.80.80/24"]),
    box("client", ["tap0", "192.168.100.10/24"]),
    box("nat", ["in0", "192.168.100.1/24"], ["out0", "80.80.80.100/24"]),
  ],
  edges: [
    { from: { box: "nat", port: "out0" }, to: { box: "web", port: "tap0" }, label: "chain", via: "VXLAN" },
    { from: { box: "client", port: "tap0" }, to: { box: "nat", port: "in0" }, label: "chain" },
  ],
};

test("a chain is drawn from client to endpoint, whatever the order of its parts", () => {
  assert.equal(
    graphText(chain, 200),
    `
┌─ client ───────────────┐              ┌─ nat ────────────────┐
│ on node-1              │              │ on node-1            │                      ┌─ web ───────────────┐
│ tap0 192.168.100.10/24 ├─ chain ──────┤ in0 192.168.100.1/24 │                      │ on node-1           │
└────────────────────────┘              │ out0 80.80.80.100/24 ├─ chain (VXLAN) ──────┤ tap0 80.80.80.80/24 │
                                        └──────────────────────┘                      └─────────────────────┘
`.slice(1),
  );
});

test("what does not fit is drawn narrower", () => {
  const narrow = graphText(chain, 100);
  assert.ok(
    narrow.split("\n").every((line) => width(line) <= 100),
    narrow,
  );
  for (const address of ["192.168.100.10/24", "192.168.100.1/24", "80.80.80.100/24", "80.80.80.80/24"])
    assert.ok(narrow.includes(address));
});

test("several clients of one Pod each have their own line", () => {
  const clients = ["a", "b", "c"];
  const drawing = graphText({
    boxes: [...clients.map((id) => box(id, ["nsm-1"])), box("bridge", ["p0"], ["p1"], ["p2"])],
    edges: clients.map((id, i) => ({
      from: { box: id, port: "nsm-1" },
      to: { box: "bridge", port: `p${i}` },
      label: "l2",
    })),
  });
  assert.equal(drawing.match(/├─ l2 ─/g)?.length, 3);
  assert.equal(drawing.match(/┤ p\d/g)?.length, 3, drawing);
});

test("a circle is drawn without end", () => {
  const drawing = graphText({
    boxes: [box("a", ["x"], ["y"]), box("b", ["x"], ["y"])],
    edges: [
      { from: { box: "a", port: "x" }, to: { box: "b", port: "x" }, label: "there" },
      { from: { box: "b", port: "y" }, to: { box: "a", port: "y" }, label: "back" },
    ],
  });
  assert.match(drawing, /there/);
  assert.match(drawing, /back/);
});

test("a lab without Pods says so", () => assert.equal(graphText({ boxes: [], edges: [] }), "The lab has no Pods.\n"));

test("Graphviz and Mermaid get every box, address and edge, with their own characters escaped", () => {
  const odd: Graph = {
    boxes: [box('a"b', ["x|y", "10.0.0.1/8"])],
    edges: [{ from: { box: 'a"b', port: "x|y" }, to: { box: 'a"b', port: "x|y" }, label: 'l"' }],
  };
  assert.equal(
    graphDot(odd),
    'digraph lab {\n  rankdir=LR;\n  node [shape=record];\n  "a\\"b" [label="a\\"b|<p0> x\\|y\\ 10.0.0.1/8"];\n  "a\\"b":p0 -> "a\\"b":p0 [label="l\\""];\n}\n',
  );
  assert.equal(graphMermaid(odd), 'flowchart LR\n  n0["a#quot;b<br/>x|y 10.0.0.1/8"]\n  n0 -->|"l#quot;"| n0\n');
  assert.match(graphMermaid(chain), /n2 -->\|"chain \(VXLAN\)"\| n0/);
});

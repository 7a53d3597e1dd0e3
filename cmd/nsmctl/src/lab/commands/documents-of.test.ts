import assert from "node:assert/strict";
import { test } from "node:test";
import { readDocuments } from "../documents/yaml.ts";
import { identityOf, mergeDocuments, withoutObjects } from "./documents-of.ts";

const documents = readDocuments(
  `
kind: Lab
metadata: {name: l}
spec:
  placement: {web-0: n1, db: n1}
  links: [{endpoints: [{pod: db, interface: a}, {node: n1, interface: b}]}, {endpoints: [{pod: x, interface: a}, {pod: y, interface: b}]}]
  checks: [{name: one, pod: db}, {name: two, pod: web-0}, {name: three, pod: x}]
---
kind: Pod
metadata: {name: db}
---
kind: Deployment
metadata: {name: web}
`,
  "f.yaml",
);

test("an object goes with the checks, links and placements that name its Pods", () => {
  const { documents: kept, leftOut } = withoutObjects(documents, new Set(["Pod/db", "Deployment/web"]));
  assert.deepEqual(kept.map(identityOf), ["Lab/l"]);
  assert.deepEqual((kept[0]?.value as { spec: unknown }).spec, {
    placement: {},
    links: [
      {
        endpoints: [
          { pod: "x", interface: "a" },
          { pod: "y", interface: "b" },
        ],
      },
    ],
    checks: [{ name: "three", pod: "x" }],
  });
  assert.deepEqual(leftOut, ['check "one"', 'check "two"', "link 1"]);
});

test("a document replaces the one of the same kind and name, others are added", () => {
  const added = readDocuments(
    "kind: Pod\nmetadata: {name: db}\nspec: 1\n---\nkind: Pod\nmetadata: {name: new}\n",
    "g.yaml",
  );
  const merged = mergeDocuments(documents, added);
  assert.deepEqual(merged.map(identityOf), ["Lab/l", "Deployment/web", "Pod/db", "Pod/new"]);
  assert.equal(merged[2]?.file, "g.yaml");
});

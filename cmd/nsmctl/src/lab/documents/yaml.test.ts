import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import { readDocuments } from "./yaml.ts";

test("several documents of a file are read, empty ones left out", () => {
  const documents = readDocuments("a: 1\n---\n# nothing\n---\nb: [x]\n", "f.yaml");
  assert.deepEqual(
    documents.map((document) => document.value),
    [{ a: 1 }, { b: ["x"] }],
  );
});

test("a value knows its place, a key its own, and a missing one that of its parent", () => {
  const [document] = readDocuments("a:\n  b:\n    - c: 1\n    - d:\n        2\n", "f.yaml");
  assert.equal(document?.at(["a", "b", 1, "d"]), "f.yaml:5:9");
  assert.equal(document?.atKey(["a", "b", 1, "d"]), "f.yaml:4:7");
  assert.equal(document?.at(["a", "b", 0, "nothing"]), "f.yaml:3:7");
});

test("the items of a List are documents with their own places", () => {
  const [first, second] = readDocuments("kind: List\nitems:\n- kind: A\n- kind: B\n  x: 1\n", "f.yaml");
  assert.deepEqual([first?.value, second?.value], [{ kind: "A" }, { kind: "B", x: 1 }]);
  assert.equal(second?.at(["x"]), "f.yaml:5:6");
  assert.equal(second?.atKey(["x"]), "f.yaml:5:3");
});

test("text that is no YAML is refused with its place", () => {
  assert.throws(
    () => readDocuments("a: [1\n", "f.yaml"),
    (error) => isCodedError(error, "INVALID_CONFIG") && /^f\.yaml:2:1: not valid YAML/.test(error.message),
  );
});

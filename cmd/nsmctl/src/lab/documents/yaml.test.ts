import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError, isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { readDocuments } from "./yaml.ts";

const failure = (text: string): string => {
  try {
    readDocuments(text, "f.yaml");
  } catch (error) {
    assert.ok(error instanceof CodedError && error.code === "INVALID_CONFIG");
    return error.message;
  }
  throw new Error("was accepted");
};

test("several documents of a file are read, empty ones left out", () => {
  const documents = readDocuments("a: 1\n---\n# nothing\n---\nb: [x]\n", "f.yaml");
  assert.deepEqual(
    documents.map((document) => document.value),
    [{ a: 1 }, { b: ["x"] }],
  );
});

test("a value knows its line, a key its own, and a missing one that of its parent", () => {
  const [document] = readDocuments("a:\n  b:\n    - c: 1\n    - d:\n        2\n", "f.yaml");
  assert.equal(document?.at(["a", "b", 1, "d"]), "f.yaml:5");
  assert.equal(document?.atKey(["a", "b", 1, "d"]), "f.yaml:4");
  assert.equal(document?.at(["a", "b", 0, "nothing"]), "f.yaml:3");
});

test("the items of a List are documents with their own lines", () => {
  const [first, second] = readDocuments("kind: List\nitems:\n- kind: A\n- kind: B\n  x: 1\n", "f.yaml");
  assert.deepEqual([first?.value, second?.value], [{ kind: "A" }, { kind: "B", x: 1 }]);
  assert.equal(second?.at(["x"]), "f.yaml:5");
});

test("the text of a block scalar is read with the lines of the file around it", () => {
  const [document] = readDocuments("spec:\n  data: |-\n    a: 1\n    b: 2\n", "f.yaml");
  const linesAbove = document?.linesAbove(["spec", "data"]);
  assert.equal(linesAbove, 2);
  const [inner] = readDocuments("a: 1\nb: 2", "f.yaml", { linesAbove: linesAbove ?? 0 });
  assert.equal(inner?.at(["b"]), "f.yaml:4");
  assert.equal(document?.linesAbove(["spec"]), undefined);
});

const refused = {
  "a repeated key": ["a: 1\na: 2\n", /f\.yaml:2: .*unique/],
  "a tab as indentation": ["a:\n\tb: 1\n", /f\.yaml:2: /],
  "text that is no YAML": ["a: [1\n", /f\.yaml:2: /],
  "an alias bomb": [
    `${"abcdefghi".split("").reduce((text, name, i) => `${text}${name}: &${name} [${i === 0 ? "x" : `${`*${"abcdefghi"[i - 1]},`.repeat(9)}`}]\n`, "")}`,
    /alias/i,
  ],
  "a tag that JSON does not have": ["a: !!binary aGk=\n", /f\.yaml:1: /],
  "depth without end": [`${"[".repeat(100)}${"]".repeat(100)}`, /nested/],
  "a key that is not text": ["{[1]: 2}\n", /f\.yaml:1: /],
} as const;
for (const [what, [text, message]] of Object.entries(refused))
  test(`${what} is refused with its line`, () => assert.match(failure(text), message));

test("whatever the text, reading gives documents or INVALID_CONFIG", () => {
  const fragments = fc.constantFrom(
    "a",
    ": ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "|",
    ">",
    "&x ",
    "*x",
    "!!str ",
    "---\n",
    "?",
    "#",
    "__proto__",
    "\t",
    "\0",
    "\uD800",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(fragments).map((parts) => parts.join("")),
      ),
      (text) => {
        try {
          for (const document of readDocuments(text, "f.yaml")) assert.match(document.at(["a", 0]), /^f\.yaml:\d+$/);
        } catch (error) {
          assert.ok(isCodedError(error, "INVALID_CONFIG"), `${error}`);
        }
        assert.equal(({} as Record<string, unknown>).polluted, undefined);
      },
    ),
    { numRuns: 300 },
  );
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { readDocuments, withoutPlaces } from "../documents/yaml.ts";
import { buildLab } from "./build.ts";

const example = join(import.meta.dirname, "../../../../../examples/external-interface");
const good = readdirSync(example)
  .filter((file) => file.endsWith(".yaml"))
  .flatMap((file) => readDocuments(readFileSync(join(example, file), "utf8"), file).map(({ value }) => value));

/** Every place in a JSON value. */
function places(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, item]) =>
      places(item, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

function withChange(value: unknown, [key, ...rest]: readonly (string | number)[], change: unknown): unknown {
  if (key === undefined) return change;
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
  (copy as Record<string | number, unknown>)[key] = withChange(
    (copy as Record<string | number, unknown>)[key],
    rest,
    change,
  );
  return copy;
}

/** What people and attackers write where something else belongs. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    "",
    "..",
    "/",
    "/proc",
    "../../etc",
    "a".repeat(300),
    "\0",
    "$(A)",
    "-1",
    "eth0/../..",
    "🦊",
    null,
    true,
    0,
    -1,
    1e308,
    [],
    {},
    [[]],
    { __proto__: 1 },
    "host\nname",
    "10.0.0.0/33",
  ),
  fc.jsonValue(),
);

function build(documents: readonly unknown[]): string {
  const sources = documents.map((value) => withoutPlaces("f.yaml", value));
  try {
    buildLab({ sources, paths: ["/labs/x"] });
    return "built";
  } catch (error) {
    assert.ok(isCodedError(error, "INVALID_CONFIG"), `${(error as Error).stack}`);
    for (const line of error.message.split("\n")) assert.match(line, /^f\.yaml: /);
    return "refused";
  }
}

test("the example as it is can be built", () => assert.equal(build(good), "built"));

test("documents with anything anywhere are built, or refused with the place and nothing else", () => {
  const change = fc
    .integer({ min: 0, max: good.length - 1 })
    .chain((index) =>
      fc.record({ index: fc.constant(index), path: fc.constantFrom(...places(good[index])), value: odd }),
    );
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const documents = [...good];
      for (const { index, path, value } of changes)
        try {
          documents[index] = withChange(documents[index], path, value);
        } catch {
          // A second change may find its place gone; then it changes nothing.
        }
      build(documents);
    }),
    { numRuns: 400 },
  );
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

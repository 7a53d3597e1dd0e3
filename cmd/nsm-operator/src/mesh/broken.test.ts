/** The validating webhook's answers to the broken documents of @nsmkit/mesh are the parser's, word for word. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { UnknownObject } from "@nsmkit/kube";
import { parse } from "yaml";
import { review } from "../admission/review.ts";
import { nsmkitMesh } from "./nsmkit-mesh.ts";

const testdata = join(import.meta.dirname, "../../../../packages/mesh/testdata");
const read = (file: string): unknown => parse(readFileSync(join(testdata, file), "utf8"));
const messages = read("broken-messages.yaml") as Readonly<Record<string, readonly string[]>>;
const port = nsmkitMesh([], { facts: {} });

for (const [name, expected] of Object.entries(messages)) {
  // The API server asks about stored fields only, so it never asks about a field beside spec.
  if (name === "a-field-at-the-top-instead-of-under-spec") continue;
  test(`the webhook refuses ${name} with the parser's words`, () => {
    const object = read(join("broken", `${name}.yaml`)) as UnknownObject;
    const answer = review({ object }, port);
    assert.equal(answer.allowed, false);
    const said = answer.message ?? "";
    assert.ok(said.endsWith(expected.join("; ")), said);
  });
}

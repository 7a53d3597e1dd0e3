/** What users read when a document is wrong. NSMKIT_UPDATE=1 writes the messages anew, to be read by people. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { brokenDocuments, messagesOf } from "../testing/broken.ts";
import { readYaml, testdataFolder } from "../testing/documents.ts";

const file = "broken-messages.yaml";
const documents = brokenDocuments();

if (process.env.NSMKIT_UPDATE === "1") {
  const messages = Object.fromEntries(documents.map(({ name, document }) => [name, messagesOf(document)]));
  const head =
    "# What parser and normaliser say about testdata/broken: nsmctl render prints it, the webhook answers it.\n";
  writeFileSync(join(testdataFolder, file), head + stringify(messages, { lineWidth: 0 }));
}
const expected = readYaml(file) as Readonly<Record<string, readonly string[]>>;

test("every broken document has its expected messages, and no expectation is without a document", () => {
  assert.deepEqual(
    Object.keys(expected),
    documents.map(({ name }) => name),
  );
  assert.ok(documents.length >= 100);
});

for (const { name, title, document } of documents) {
  test(`${title.replace(/\.$/, "")} is refused with a remedy (${name})`, () => {
    const messages = messagesOf(document);
    assert.deepEqual(messages, expected[name]);
    assert.ok(messages.length > 0, "nothing is wrong with it");
    for (const message of messages) {
      assert.match(
        message,
        /\b(write|remove|did you mean|give each|settings belong under|begin each entry)\b/,
        message,
      );
    }
  });
}

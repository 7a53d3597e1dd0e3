import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import { RecordingLogger } from "@nsmkit/core/testing";
import fc from "fast-check";
import { ExcludedPrefixes, parseExcludedPrefixes } from "./excluded-prefixes.ts";

describe("parseExcludedPrefixes", () => {
  test("reads both families, and nothing from an empty document", () => {
    assert.deepEqual(parseExcludedPrefixes("prefixes:\n- 10.96.0.0/12\n- fd00::/8\n"), ["10.96.0.0/12", "fd00::/8"]);
    for (const empty of ["", "prefixes:\n", "prefixes: []", "# nothing"])
      assert.deepEqual(parseExcludedPrefixes(empty), []);
  });

  for (const [text, problem] of [
    ["prefixes: [", /no YAML/],
    ["- 10.0.0.0/8", /no mapping/],
    ["prefix: []", /unknown field "prefix"/],
    ["prefixes: 10.0.0.0/8", /no list/],
    ["prefixes: [10.0.0.0]", /prefixes\[0\] "10.0.0.0" is no CIDR/],
    ["prefixes: [10.0.0.0/33]", /is no CIDR/],
    ["prefixes: [10.0.0.0/8, 5]", /prefixes\[1\] 5 is no CIDR/],
  ] as const)
    test(`"${text}" is refused`, () =>
      assert.throws(() => parseExcludedPrefixes(text), { code: "INVALID_CONFIG", message: problem }));

  test("no text makes it throw anything but INVALID_CONFIG", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => `prefixes: ${text}`),
        ),
        (text) => {
          try {
            parseExcludedPrefixes(text);
          } catch (error) {
            assert.ok(isCodedError(error, "INVALID_CONFIG"), String(error));
          }
        },
      ),
    );
  });
});

test("the prefixes follow the file: missing at first, swapped, and kept when it becomes wrong", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nsmgr-prefixes-"));
  const path = join(folder, "excluded_prefixes.yaml");
  const logger = new RecordingLogger();
  const until = async (done: () => boolean): Promise<void> => {
    for (const end = Date.now() + 5_000; !done(); ) {
      assert.ok(Date.now() < end, "the change was not seen");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  try {
    using excluded = new ExcludedPrefixes(path, logger, 20);
    await excluded.start();
    assert.deepEqual(excluded.prefixes, []);
    await writeFile(`${path}.new`, "prefixes: [10.0.0.0/8]");
    await rename(`${path}.new`, path);
    await until(() => excluded.prefixes.length === 1);
    await writeFile(path, "prefixes: nonsense");
    await until(() => logger.lines.some(({ level }) => level === "error"));
    assert.deepEqual(excluded.prefixes, ["10.0.0.0/8"]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

test("the example of README.md prints what README.md says", async () => {
  const page = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const [, code, output] = /^```ts\n(.*?)^```\n\nIt prints\n\n```text\n(.*?)^```$/ms.exec(page) ?? [];
  assert.ok(code && output, "README.md has an example followed by its output");
  const args = ["--input-type=module-typescript", "--eval", code];
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 30_000 });
  assert.equal(stdout, output);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createProgram } from "../program.ts";

const docs = join(import.meta.dirname, "../../../../docs");
const sink = { write: () => true };
const program = createProgram(
  { env: {}, uid: 0, stdout: sink, stderr: sink, signal: new AbortController().signal, program: "" },
  () => {},
);

for (const name of ["render", "convert"]) {
  test(`the page of ${name} shows its help, and the page about the resource leads to it`, () => {
    const command = program.commands.find((one) => one.name() === name);
    const help = command?.configureHelp({ helpWidth: 80 }).helpInformation().trimEnd();
    const page = readFileSync(join(docs, "cmd", `nsmctl-${name}.md`), "utf8");
    assert.ok(page.includes(`\`\`\`text\n${help}\n\`\`\``), `expected:\n${help}`);
    assert.ok(readFileSync(join(docs, "operator/nsm-resource.md"), "utf8").includes(`(../cmd/nsmctl-${name}.md)`));
  });
}

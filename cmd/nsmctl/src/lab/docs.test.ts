import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { createProgram } from "../program.ts";

const docs = join(import.meta.dirname, "../../../../docs");
const sink = { write: () => true };
const program = createProgram(
  { env: {}, uid: 0, stdout: sink, stderr: sink, signal: new AbortController().signal, program: "" },
  () => {},
);
const lab = program.commands.find((command) => command.name() === "lab") as Command;
// Help itself and what only nsmctl starts are not for people.
const commands = lab.commands.filter((command) => !["help", "supervise"].includes(command.name()));

test("every lab command has its page, and no page is without command", () => {
  const pages = readdirSync(join(docs, "cmd")).filter((name) => name.startsWith("nsmctl-lab-"));
  assert.deepEqual(pages.sort(), commands.map((command) => `nsmctl-lab-${command.name()}.md`).sort());
});

for (const command of commands)
  test(`the page of lab ${command.name()} shows its help, and docs/lab.md leads to it`, () => {
    const page = readFileSync(join(docs, "cmd", `nsmctl-lab-${command.name()}.md`), "utf8");
    const help = command.configureHelp({ helpWidth: 80 }).helpInformation().trimEnd();
    assert.ok(page.includes(`\`\`\`text\n${help}\n\`\`\``), `expected:\n${help}`);
    assert.ok(readFileSync(join(docs, "lab.md"), "utf8").includes(`(cmd/nsmctl-lab-${command.name()}.md)`));
  });

test("the Lab document in docs/lab.md is a valid one", async () => {
  const { labOf } = await import("./spec/testing.ts");
  const text = readFileSync(join(docs, "lab.md"), "utf8");
  const yaml = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  const pods = ["client", "outside"]
    .map(
      (name) =>
        `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: browser, command: [x]}]}\n`,
    )
    .join("");
  const { spec } = labOf(yaml + pods);
  assert.equal(spec.nodes.length, 2);
  assert.equal(spec.checks.length, 1);
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { createProgram } from "../program.ts";

const folder = join(import.meta.dirname, "../../../../docs/cmd");
const sink = { write: () => true };
const program = createProgram(
  { env: {}, uid: 0, stdout: sink, stderr: sink, signal: new AbortController().signal, program: "" },
  () => {},
);
const agent = program.commands.find((command) => command.name() === "agent") as Command;
// "generate" is there under its old name too; its page is that of "model".
const commands = agent.commands.filter((command) => !["help", "generate"].includes(command.name()));
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

test("every agent command has its page, and no page is without command", () => {
  const pages = readdirSync(folder).filter((name) => name.startsWith("nsmctl-agent-"));
  assert.deepEqual(pages.sort(), commands.map((command) => `nsmctl-agent-${command.name()}.md`).sort());
});

test("the page of agent shows its help, and leads to every command", () => {
  const page = read("nsmctl-agent.md");
  assertHelp(agent, page);
  for (const command of commands) assert.ok(page.includes(`(nsmctl-agent-${command.name()}.md)`), command.name());
});

for (const command of commands)
  test(`the page of agent ${command.name()} shows the help of all that is in it`, () => {
    const page = read(`nsmctl-agent-${command.name()}.md`);
    const leaves = command.commands.filter((one) => one.name() !== "help");
    for (const one of leaves.length > 0 ? leaves : [command]) assertHelp(one, page);
  });

function assertHelp(command: Command, page: string): void {
  const help = command.configureHelp({ helpWidth: 80 }).helpInformation().trimEnd();
  assert.ok(page.includes(`\`\`\`text\n${help}\n\`\`\``), `expected:\n${help}`);
}

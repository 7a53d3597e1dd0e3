import { type Command, Option } from "commander";
import { type CommandIo, exitCodes } from "../io.ts";
import type { CheckResult } from "../supervisor/checks.ts";
import { type Format, formats, render } from "../view/output.ts";
import { milliseconds } from "../view/progress-lines.ts";
import { askLab, findLab } from "./target.ts";

export function checkCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("check")
    .summary("run the lab's own assertions")
    .description("Runs the checks of the Lab document. Exits 0 when all hold, 1 otherwise.")
    .option("--lab <name>", "the lab; may be left out when there is only one")
    .addOption(new Option("-o, --output <format>", "form of the output").choices(formats).default("table"))
    .argument("[check...]", "names of checks (default: all)")
    .action(async (names: string[], options: { lab?: string; output: Format }) => {
      const request = names.length > 0 ? { names } : {};
      const results = await askLab(findLab(io, options.lab), "check", request, { signal: io.signal });
      io.stdout.write(await render(results, options.output, checksText));
      exit(results.every((result) => result.passed) ? exitCodes.ok : exitCodes.failed);
    });
}

export function checksText(results: readonly CheckResult[]): string {
  if (results.length === 0) return "The lab has no checks.\n";
  return results.map(checkText).join("");
}

export function checkText(result: CheckResult): string {
  const head = `${result.passed ? "✔" : "✖"} ${result.name} (${milliseconds(result.ms)})\n`;
  if (result.passed) return head;
  const output = [result.stdout, result.stderr].filter((text) => text !== "").map(indent);
  return [head, ...result.problems.map((problem) => `    ${problem}\n`), ...output].join("");
}

export function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "    | ").concat("\n");
}

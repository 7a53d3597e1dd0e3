import { spawn } from "node:child_process";
import { constants } from "node:os";
import { CodedError } from "@nsmkit/core";
import type { Command } from "commander";
import type { CommandIo } from "../io.ts";
import { askLab, findLab } from "./target.ts";

export function execCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("exec")
    .summary("run a program in a Pod or node")
    .description("Runs a program in the namespaces of a Pod or node, on this terminal, and exits as it exits.")
    .option("--lab <name>", "the lab; may be left out when there is only one")
    .option("-c, --container <name>", "take environment and folder from this container (default: the first)")
    .argument("<target>", "Pod or node")
    .argument("<command...>", 'program and arguments, after "--"')
    .action(async (target: string, command: string[], options: { lab?: string; container?: string }) => {
      const request = { target, ...(options.container === undefined ? {} : { container: options.container }) };
      const place = await askLab(findLab(io, options.lab), "enter", request);
      // Root inside the user namespace is what we are already: our own ids must not be changed on the way.
      const user = io.uid === 0 ? [] : ["--user", "--preserve-credentials"];
      const args = [
        "--target",
        `${place.pid}`,
        ...user,
        "--mount",
        "--net",
        "--uts",
        "--",
        "env",
        "-C",
        place.workingDir,
        ...command,
      ];
      const env = { TERM: io.env.TERM ?? "dumb", ...place.env };
      exit(await run("nsenter", args, env));
    });
}

/** Ctrl-C is for the program: it shares our terminal, and we wait for its own end. */
function run(file: string, args: readonly string[], env: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: "inherit", env: { ...env, PATH: env.PATH ?? "/usr/bin:/bin" } });
    child.on("error", (cause) =>
      reject(new CodedError("UNSUPPORTED", `cannot start nsenter (package util-linux): ${cause.message}`, { cause })),
    );
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

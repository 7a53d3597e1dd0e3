import { createReadStream, existsSync, readdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { CodedError } from "@nsmkit/core";
import type { Command } from "commander";
import { type CommandIo, exitCodes } from "../io.ts";
import { findLab } from "./target.ts";

export function logsCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("logs")
    .summary("output of a container, or of a program of the mesh")
    .description(
      'Prints the output of a Pod\'s container. Also takes a node (containers "nsmgr" and "forwarder") and "registry". Works when the lab does not run any more, until "down".',
    )
    .option("--lab <name>", "the lab; may be left out when there is only one")
    .option("-c, --container <name>", "which one, when there are several")
    .option("-f, --follow", "go on printing until Ctrl-C")
    .argument("<target>", "Pod, node or registry")
    .action(async (target: string, options: { lab?: string; container?: string; follow?: boolean }) => {
      const file = logFile(findLab(io, options.lab).logs, target, options.container);
      let printed = 0;
      // The part before the last rotation, then what is in the file now.
      if (existsSync(`${file}.1`)) await print(`${file}.1`, 0, io);
      printed = await print(file, 0, io);
      if (options.follow) await follow(file, printed, io);
      exit(io.signal.aborted ? exitCodes.interrupted : exitCodes.ok);
    });
}

function logFile(directory: string, target: string, container: string | undefined): string {
  const names = (at: string): string[] => (existsSync(at) ? readdirSync(at).sort() : []);
  const targets = names(directory);
  if (!targets.includes(target))
    throw new CodedError(
      "NOT_FOUND",
      `there is no output of ${JSON.stringify(target)}; there is some of ${targets.join(", ") || "nothing"}`,
    );
  const files = names(join(directory, target)).filter((name) => name.endsWith(".log"));
  const containers = files.map((name) => name.slice(0, -".log".length));
  const chosen = container ?? (containers.length === 1 ? containers[0] : undefined);
  if (chosen === undefined || !containers.includes(chosen))
    throw new CodedError(
      container === undefined ? "INVALID_ARGUMENT" : "NOT_FOUND",
      `${target} has the containers ${containers.join(", ")}; choose one with -c`,
    );
  return join(directory, target, `${chosen}.log`);
}

/** @returns the position after what was printed */
async function print(file: string, from: number, io: CommandIo): Promise<number> {
  let position = from;
  for await (const chunk of createReadStream(file, { start: from }) as AsyncIterable<Buffer>) {
    io.stdout.write(chunk.toString("utf8"));
    position += chunk.length;
  }
  return position;
}

async function follow(file: string, from: number, io: CommandIo): Promise<void> {
  let position = from;
  let again = false;
  let printing = false;
  const look = async (): Promise<void> => {
    again = true;
    if (printing) return;
    printing = true;
    while (again) {
      again = false;
      const size = statSync(file, { throwIfNoEntry: false })?.size;
      if (size === undefined) continue;
      // A smaller file is a new one: the old was renamed when it was full.
      if (size < position)
        position = await print(`${file}.1`, position, io).then(
          () => 0,
          () => 0,
        );
      position = await print(file, position, io);
    }
    printing = false;
  };
  const watcher = watch(join(file, ".."), () => void look());
  await look();
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    io.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  watcher.close();
}

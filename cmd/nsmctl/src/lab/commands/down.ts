import { existsSync, rmdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { CodedError } from "@nsmkit/core";
import type { Command } from "commander";
import { ask } from "../control/client.ts";
import { removeLab, supervisorOf } from "../host/launch.ts";
import { type LabPlaces, labNames, labPlaces, labsRoot } from "../host/places.ts";
import { labProcesses } from "../host/processes.ts";
import { type CommandIo, exitCodes } from "../io.ts";
import { findLab } from "./target.ts";

/** How long programs have to end by themselves before they are killed. */
const graceMs = 3000;

export function downCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("down")
    .summary("stop a lab and remove everything of it")
    .description(
      "Ends every process of the lab and removes its folder; namespaces, links, mounts and rules go with the processes. Works as well when the supervisor or everything else was killed.",
    )
    .argument("[name]", "the lab; may be left out when there is only one")
    .option("--all", "all labs of this user")
    .action(async (name: string | undefined, options: { all?: boolean }) => {
      const root = labsRoot(io.env, io.uid);
      const labs = options.all ? labNames(root).map((lab) => labPlaces(root, lab)) : [target(io, name)];
      await Promise.all(labs.map((places) => takeDown(places)));
      io.stdout.write(
        labs.length === 0 ? "There is no lab.\n" : labs.map((lab) => `Lab ${lab.name} is gone.\n`).join(""),
      );
      exit(exitCodes.ok);
    });
}

/** Also a lab whose folder is lost but whose processes are not. */
function target(io: CommandIo, name: string | undefined): LabPlaces {
  const places = name === undefined ? undefined : labPlaces(labsRoot(io.env, io.uid), name);
  return places && labProcesses(places.directory).length > 0 ? places : findLab(io, name);
}

/** Asks the supervisor to end the lab, then makes sure that nothing of it is left. */
export async function takeDown(places: LabPlaces): Promise<void> {
  if (supervisorOf(places)) {
    // Whatever it answers, what remains is removed below.
    await ask(places.controlSocket, "down", {}, { signal: AbortSignal.timeout(graceMs) }).catch(() => {});
  }
  await removeLab(places);
  const left = labProcesses(places.directory);
  if (left.length > 0 || existsSync(places.directory))
    throw new CodedError(
      "INTERNAL",
      `lab ${places.name} could not be removed: ${left.map(({ pid }) => pid).join(", ")} ${places.directory}`,
    );
  removeEmpty(dirname(places.directory));
}

/** The folder of labs, and the "nsmkit" above it, if nothing else is in them. */
function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
    if (basename(dirname(directory)) === "nsmkit") rmdirSync(dirname(directory));
  } catch {
    // Not empty, or not ours.
  }
}

import { parseDuration } from "@nsmkit/core/config";
import type { Command } from "commander";
import type { SourceDocument } from "../documents/yaml.ts";
import type { LabPlaces } from "../host/places.ts";
import { type CommandIo, exitCodes } from "../io.ts";
import { planText, progressPrinter } from "../view/progress-lines.ts";
import { documentsOf, mergeDocuments } from "./documents-of.ts";
import { askLab, findLab } from "./target.ts";
import { reportResult, stored, tellFindings } from "./up.ts";

interface ApplyOptions {
  readonly lab?: string;
  readonly dryRun?: boolean;
  readonly wait: string;
}

export function applyCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("apply")
    .summary("add or change single documents of a running lab")
    .description(
      "Adds the documents of the files to a running lab, or changes those that it has already. Nothing else is touched.",
    )
    .argument("<path...>", "folders and files with YAML")
    .option("--lab <name>", "the lab; may be left out when there is only one")
    .option("--dry-run", "print the plan and change nothing")
    .option("--wait <duration>", 'how long to wait until everything is configured; "0" does not wait', "60s")
    .action(async (paths: string[], options: ApplyOptions) => {
      const places = findLab(io, options.lab);
      const { loadChecked } = await import("./build-from.ts");
      const sources = await loadChecked(paths);
      exit(await change(places, mergeDocuments(await documentsOf(places), sources), options, io));
    });
}

/** Brings a running lab to other documents. @returns the exit code */
export async function change(
  places: LabPlaces,
  documents: readonly SourceDocument[],
  options: Omit<ApplyOptions, "lab">,
  io: CommandIo,
): Promise<number> {
  const { buildFrom } = await import("./build-from.ts");
  const built = await buildFrom({ sources: documents, paths: [] }, places.name);
  tellFindings(built, io);
  const waitMs = parseDuration(options.wait);
  const request = { spec: built.spec, documents: stored(documents), dryRun: options.dryRun ?? false, waitMs };
  const result = await askLab(places, "apply", request, {
    tell: progressPrinter(io, { plan: true }),
    signal: io.signal,
  });
  if (options.dryRun) io.stdout.write(planText(result.plan));
  return options.dryRun ? exitCodes.ok : reportResult(result, places.name, io);
}

import { isCodedError } from "@nsmkit/core";
import { parseDuration } from "@nsmkit/core/config";
import type { Command } from "commander";
import type { ApplyResult, StoredDocument } from "../control/protocol.ts";
import type { SourceDocument } from "../documents/yaml.ts";
import { ensureSupervisor, removeLab, supervisorOf } from "../host/launch.ts";
import { type LabPlaces, labPlaces, labsRoot } from "../host/places.ts";
import { type CommandIo, exitCodes } from "../io.ts";
import type { BuiltLab } from "../spec/build.ts";
import { planLab } from "../spec/plan.ts";
import { milliseconds, type ProgressOptions, planText, progressPrinter } from "../view/progress-lines.ts";
import type { LoadedLab } from "./build-from.ts";
import { askLab } from "./target.ts";

interface UpOptions {
  readonly name?: string;
  readonly dryRun?: boolean;
  readonly wait: string;
}

export function upCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("up")
    .summary("start a lab, or bring a running one to what the files say")
    .description(
      "Starts the lab that the files describe. If it runs already, only the differences are made; files that have not changed change nothing. Ctrl-C takes a lab that this command started down again.",
    )
    .argument("<path...>", "folders and files with Kubernetes YAML and a Lab document")
    .option("--name <name>", "name of the lab (default: that of the Lab document, else of the folder)")
    .option("--dry-run", "print the plan and change nothing")
    .option("--wait <duration>", 'how long to wait until everything is configured; "0" does not wait', "60s")
    .action(async (paths: string[], options: UpOptions) => {
      const { loadLab } = await import("./build-from.ts");
      const lab = await loadLab(paths, options.name);
      tellFindings(lab, io);
      if (options.dryRun) {
        io.stdout.write(planText(await dryRun(lab, io)));
        return exit(exitCodes.ok);
      }
      const started = await bringUp(lab, parseDuration(options.wait), io, { plan: true });
      exit(reportResult(started.result, lab.spec.name, io));
    });
}

/** What the user should know before anything happens. */
export function tellFindings({ ignored, notes }: BuiltLab, io: CommandIo): void {
  if (ignored.length > 0) io.stderr.write(`ignored, a lab has no use for them: ${ignored.join(", ")}\n`);
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
}

export interface Started {
  readonly places: LabPlaces;
  readonly result: ApplyResult;
  /** Whether the lab was not running before. */
  readonly fresh: boolean;
}

/** Starts what is missing and applies the spec. When interrupted, a lab that was started here is removed. */
export async function bringUp(
  { spec, sources }: LoadedLab,
  waitMs: number,
  io: CommandIo,
  show: ProgressOptions,
): Promise<Started> {
  const places = labPlaces(labsRoot(io.env, io.uid), spec.name);
  const tell = progressPrinter(io, show);
  let fresh = false;
  try {
    const launchedMs = performance.now();
    fresh = await ensureSupervisor(places, io);
    if (fresh)
      tell({
        type: "phase",
        phase: "supervisor",
        detail: `lab ${spec.name}`,
        state: "done",
        ms: performance.now() - launchedMs,
      });
    const request = { spec, documents: stored(sources), dryRun: false, waitMs };
    const result = await askLab(places, "apply", request, { tell, signal: io.signal });
    return { places, result, fresh };
  } catch (error) {
    // A lab that never came up, or that nobody wants any more, shall not stay.
    if (fresh) await removeLab(places);
    throw error;
  }
}

export function stored(sources: readonly SourceDocument[]): StoredDocument[] {
  return sources.map(({ file, value }) => ({ file, value }));
}

async function dryRun({ spec, sources }: LoadedLab, io: CommandIo) {
  const places = labPlaces(labsRoot(io.env, io.uid), spec.name);
  if (!supervisorOf(places)) return planLab(undefined, spec);
  try {
    return (await askLab(places, "apply", { spec, documents: stored(sources), dryRun: true, waitMs: 0 })).plan;
  } catch (error) {
    if (isCodedError(error, "UNAVAILABLE")) return planLab(undefined, spec);
    throw error;
  }
}

export function reportResult({ problems, ms }: ApplyResult, name: string, io: CommandIo): number {
  if (problems.length === 0) {
    io.stdout.write(`Lab ${name} is up (${milliseconds(ms)}).\n`);
    return exitCodes.ok;
  }
  io.stderr.write(
    `Lab ${name} runs, but this is not in place:\n${problems.map((problem) => `  ${problem}\n`).join("")}`,
  );
  io.stderr.write(`Look with: nsmctl lab status --lab ${name}; nsmctl lab logs --lab ${name} POD\n`);
  return exitCodes.failed;
}

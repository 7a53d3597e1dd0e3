import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import type { Command } from "commander";
import { type Format, render } from "../../lab/view/output.ts";
import { table } from "../../lab/view/table.ts";
import { addTargetOptions } from "../connection/options.ts";
import type { DumpedValue, View } from "../connection/scheduler.ts";
import type { Session } from "../connection/session.ts";
import type { AgentContext } from "../context.ts";
import { addOutput, type OutputOptions, outputOf } from "../view/output.ts";

const help = `
Views: "cached" is what the agent believes to be there, "SB" what it finds there now, "NB" what it was asked for.
Origins: "NB" values were asked for, "SB" values were there by themselves.
`;

interface DumpOptions extends OutputOptions<Format> {
  readonly view: string;
  readonly origin?: string;
}

/** `nsmctl agent dump` */
export function dumpCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("dump")
    .summary("what is configured in the system")
    .description("Shows the values of models with their metadata, as the agent finds them in the system.")
    .argument("<model...>", 'names of models, patterns such as "linux.*", or "all"')
    .option("--view <view>", "cached, NB or SB", "cached")
    .option("--origin <origin>", "only values of this origin: NB, SB or unknown")
    .addHelpText("after", help);
  addOutput(command, ["table", "json", "yaml"]);
  addTargetOptions(command, true);
  command.action((patterns: string[], options: DumpOptions) =>
    context.run(command, async (session) => {
      const view = viewOf(options.view);
      const origin = options.origin === undefined ? undefined : originOf(options.origin);
      const values = (await dumpModels(session, patterns, view)).filter(
        ({ Origin }) => origin === undefined || Origin === origin,
      );
      const { splitKey } = await import("../model/models.ts");
      const { stringify } = await import("yaml");
      session.print(
        await render(values, outputOf(options, "table"), (list) =>
          dumpText(list, splitKey, (value) => stringify(value)),
        ),
      );
      return 0;
    }),
  );
}

/** @throws CodedError NOT_FOUND for a pattern without model; what the agent says where it can dump none of them */
export async function dumpModels(session: Session, patterns: readonly string[], view: View): Promise<DumpedValue[]> {
  const [{ SchedulerApi }, { agentModels, matching, ownModels }] = await Promise.all([
    import("../connection/scheduler.ts"),
    import("../model/models.ts"),
  ]);
  const scheduler = new SchedulerApi(session.http);
  const own = ownModels();
  // What nsmctl knows needs no question to the agent.
  const models = await Promise.resolve()
    .then(() => matching(own, patterns))
    .catch(async () => matching(await agentModels(session), patterns));
  const served = await scheduler.prefixes();
  const prefixes = served.filter(
    (prefix) => patterns.includes("all") || models.some(({ keyPrefix }) => samePrefix(keyPrefix, prefix)),
  );
  const failures: unknown[] = [];
  const dumps: DumpedValue[][] = [];
  for (const prefix of prefixes) {
    try {
      dumps.push(await scheduler.dump(prefix, view));
    } catch (error) {
      if (isCodedError(error, "UNAVAILABLE") || isCodedError(error, "DEADLINE_EXCEEDED")) throw error;
      failures.push(error);
      session.note(`note: ${prefix}: ${messageOf(error)}`);
    }
  }
  if (failures.length > 0 && failures.length === prefixes.length) throw failures[0];
  return dumps.flat().sort((a, b) => (a.Key < b.Key ? -1 : a.Key > b.Key ? 1 : 0));
}

const samePrefix = (a: string, b: string): boolean => a.replace(/\/$/, "") === b.replace(/\/$/, "");

export function viewOf(text: string): View {
  const words: Readonly<Record<string, View>> = {
    cached: "cached",
    cache: "cached",
    nb: "NB",
    north: "NB",
    northbound: "NB",
    sb: "SB",
    south: "SB",
    southbound: "SB",
  };
  const view = words[text.toLowerCase()];
  if (view) return view;
  throw new CodedError("INVALID_ARGUMENT", `--view is ${JSON.stringify(text)}; write cached, NB or SB`);
}

function originOf(text: string): string {
  const words: Readonly<Record<string, string>> = {
    nb: "NB",
    north: "NB",
    northbound: "NB",
    "from-nb": "NB",
    sb: "SB",
    south: "SB",
    southbound: "SB",
    "from-sb": "SB",
    unknown: "unknown",
  };
  const origin = words[text.toLowerCase()];
  if (origin) return origin;
  throw new CodedError("INVALID_ARGUMENT", `--origin is ${JSON.stringify(text)}; write NB, SB or unknown`);
}

type Split = (key: string) => { readonly model: string; readonly name: string };

export function dumpText(values: readonly DumpedValue[], split: Split, yaml: (value: unknown) => string): string {
  if (values.length === 0) return "There are no such values.\n";
  const rows = values.flatMap(({ Key, Value, Metadata, Origin }) => {
    const { model, name } = split(Key);
    const value = (typeof Value === "string" ? Value : yaml(Value)).trimEnd().split("\n");
    const metadata = Metadata === null || Metadata === undefined ? [] : yaml(Metadata).trimEnd().split("\n");
    return Array.from({ length: Math.max(value.length, metadata.length, 1) }, (_, i) => [
      ...(i === 0 ? [model, name, Origin] : ["", "", ""]),
      value[i] ?? "",
      metadata[i] ?? "",
    ]);
  });
  return table(["MODEL", "NAME", "ORIGIN", "VALUE", "METADATA"], rows);
}

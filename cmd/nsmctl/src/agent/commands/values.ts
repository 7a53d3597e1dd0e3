import type { Command } from "commander";
import { type Format, render } from "../../lab/view/output.ts";
import { table } from "../../lab/view/table.ts";
import { addTargetOptions } from "../connection/options.ts";
import type { BaseStatus, ValueStatus } from "../connection/scheduler.ts";
import type { AgentContext } from "../context.ts";
import { addOutput, type OutputOptions, outputOf } from "../view/output.ts";

/** `nsmctl agent values` */
export function valuesCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("values")
    .summary("what became of every value")
    .description(
      "Shows the state of the values that the agent has, with those derived from them; of one model, or of all.",
    )
    .argument("[model]", 'name of a model, or a pattern such as "linux.*"');
  addOutput(command, ["table", "json", "yaml"]);
  addTargetOptions(command, true);
  command.action((pattern: string | undefined, options: OutputOptions<Format>) =>
    context.run(command, async (session) => {
      const [{ SchedulerApi }, models] = await Promise.all([
        import("../connection/scheduler.ts"),
        import("../model/models.ts"),
      ]);
      const scheduler = new SchedulerApi(session.http);
      let statuses = await scheduler.statuses();
      if (pattern !== undefined) {
        const own = models.ownModels();
        const wanted = await Promise.resolve()
          .then(() => models.matching(own, [pattern]))
          .catch(async () => models.matching(await models.agentModels(session), [pattern]));
        statuses = statuses.filter(({ value }) => wanted.some(({ keyPrefix }) => value.key.startsWith(keyPrefix)));
      }
      session.print(await render(statuses, outputOf(options, "table"), (list) => valuesText(list, models.splitKey)));
      return 0;
    }),
  );
}

type Split = (key: string) => { readonly model: string; readonly name: string };

export function valuesText(statuses: readonly BaseStatus[], split: Split): string {
  const row = (status: ValueStatus, derived: boolean): string[] => {
    const { model, name } = split(status.key);
    return [
      model,
      derived ? `  ${name}` : name,
      status.state,
      status.last_operation ?? "",
      status.error ?? status.details?.join(", ") ?? "",
    ];
  };
  const rows = statuses.flatMap(({ value, derived_values = [] }) => [
    row(value, false),
    ...derived_values.map((derived) => row(derived, true)),
  ]);
  return rows.length === 0 ? "The agent has no values.\n" : table(["MODEL", "NAME", "STATE", "LAST", "REASON"], rows);
}

import { CodedError } from "@nsmkit/core";
import type { Command } from "commander";
import { render } from "../../../lab/view/output.ts";
import { addTargetOptions } from "../../connection/options.ts";
import { SchedulerApi } from "../../connection/scheduler.ts";
import type { AgentContext } from "../../context.ts";
import { historyText } from "../../view/history.ts";
import { addOutput, type OutputOptions, outputOf } from "../../view/output.ts";

interface HistoryOptions extends OutputOptions<"table" | "json" | "yaml" | "log"> {
  readonly details?: true;
}

const help = `
Types: "config change" and "config replace" come from outside, "status update" from the system; "config sync" applies
what was asked for again, "status sync" also reads the system before; "retry 2 of #7" repeats what failed in 7.
`;

/** `nsmctl agent config history` */
export function configHistoryCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("history")
    .summary("what the agent did, and why")
    .description("Shows the transactions that the agent remembers, or one of them.")
    .argument("[ref]", "number of a transaction")
    .option("--details", "also errors, and what values wait for")
    .addHelpText("after", help);
  addOutput(command, ["table", "json", "yaml", "log"]);
  addTargetOptions(command, true);
  command.action((ref: string | undefined, options: HistoryOptions) =>
    context.run(command, async (session) => {
      if (ref !== undefined && !/^\d{1,15}$/.test(ref))
        throw new CodedError("INVALID_ARGUMENT", `${JSON.stringify(ref)} is no number of a transaction`);
      const seqNum = ref === undefined ? undefined : Number(ref);
      const scheduler = new SchedulerApi(session.http);
      const format = outputOf(options, "table");
      if (format === "log") {
        session.print(await scheduler.historyText(seqNum));
        return 0;
      }
      const records = await scheduler.history(seqNum);
      const details = options.details ?? seqNum !== undefined;
      session.print(await render(records, format, (list) => historyText(list, { details, nowMs: Date.now() })));
      return 0;
    }),
  );
}

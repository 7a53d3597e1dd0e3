import type { Command } from "commander";
import { exitCodes } from "../../../lab/io.ts";
import { type Format, render } from "../../../lab/view/output.ts";
import { addTargetOptions } from "../../connection/options.ts";
import { SchedulerApi } from "../../connection/scheduler.ts";
import type { AgentContext } from "../../context.ts";
import { historyText } from "../../view/history.ts";
import { addOutput, type OutputOptions, outputOf } from "../../view/output.ts";

interface ResyncOptions extends OutputOptions<Format> {
  readonly retry?: true;
  readonly verbose?: true;
}

/** `nsmctl agent config resync` */
export function configResyncCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("resync")
    .summary("compare with the system, and repair")
    .description(
      "Makes the agent read the system and put right what is not as it was asked for. Exits 1 when something failed.",
    )
    .option("--retry", "try again what fails")
    .option("--verbose", "let the agent log more");
  addOutput(command, ["table", "json", "yaml"]);
  addTargetOptions(command, true);
  command.action((options: ResyncOptions) =>
    context.run(command, async (session) => {
      const scheduler = new SchedulerApi(session.http);
      const record = await scheduler.resync({ retry: options.retry ?? false, verbose: options.verbose ?? false });
      const text = await render(record, outputOf(options, "table"), (one) =>
        historyText([one], { details: true, nowMs: Date.now() }),
      );
      session.print(text);
      return (record.Executed ?? []).some(({ NewErrMsg }) => NewErrMsg) ? exitCodes.failed : exitCodes.ok;
    }),
  );
}

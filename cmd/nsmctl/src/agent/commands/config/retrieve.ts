import type { Command } from "commander";
import type { Format } from "../../../lab/view/output.ts";
import { addTargetOptions } from "../../connection/options.ts";
import type { AgentContext } from "../../context.ts";
import { addOutput, type OutputOptions, outputOf } from "../../view/output.ts";

/** `nsmctl agent config retrieve` */
export function configRetrieveCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("retrieve")
    .aliases(["ret", "read"])
    .summary("print what is really configured")
    .description("Prints what the agent believes to be configured in the system, in the form that update takes.");
  addOutput(command, ["yaml", "json", "table"]);
  addTargetOptions(command, true);
  command.action((options: OutputOptions<Format>) =>
    context.run(command, async (session) => {
      const [{ retrieveConfiguration }, { configurationText }] = await Promise.all([
        import("../../read/configuration.ts"),
        import("../../view/configuration.ts"),
      ]);
      session.print(configurationText(await retrieveConfiguration(session), outputOf(options, "yaml")));
      return 0;
    }),
  );
}

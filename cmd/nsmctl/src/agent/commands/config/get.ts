import type { Command } from "commander";
import type { Format } from "../../../lab/view/output.ts";
import { addTargetOptions } from "../../connection/options.ts";
import type { AgentContext } from "../../context.ts";
import { addOutput, listed, type OutputOptions, outputOf } from "../../view/output.ts";

interface GetOptions extends OutputOptions<Format> {
  readonly labels?: string[];
}

const help = `
Labels are "key=value" or "key"; "!" before the key leaves out what has it. They need gRPC.
`;

/** `nsmctl agent config get` */
export function configGetCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("get")
    .summary("print it, in the form that update takes")
    .description("Prints the configuration that the agent was asked for, from all sources together.")
    .option("--labels <list>", "only values that were given with these labels, with commas between", listed)
    .addHelpText("after", help);
  addOutput(command, ["yaml", "json", "table"]);
  addTargetOptions(command, true);
  command.action((options: GetOptions) =>
    context.run(command, async (session) => {
      const [{ readConfiguration }, { configurationText }, { readLabels }] = await Promise.all([
        import("../../read/configuration.ts"),
        import("../../view/configuration.ts"),
        import("../../change/read-files.ts"),
      ]);
      const items = await readConfiguration(session, readLabels(options.labels ?? [], true));
      session.print(configurationText(items, outputOf(options, "yaml")));
      return 0;
    }),
  );
}

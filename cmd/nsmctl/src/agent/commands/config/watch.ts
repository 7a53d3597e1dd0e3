import type { Command } from "commander";
import { addTargetOptions } from "../../connection/options.ts";
import type { AgentContext } from "../../context.ts";
import { addOutput, listed, type OutputOptions, outputOf } from "../../view/output.ts";

interface WatchOptions extends OutputOptions<"table" | "json"> {
  readonly filter?: string[];
}

const help = `
From our agents come changes of every value's state. Agents of Ligato tell changes of interfaces only; for these
--filter is a notification with the fields that must be equal: {"vpp_notification":{"interface":{"type":"UPDOWN"}}}.
With -o json every line is one notification. Ends with Ctrl-C. Needs gRPC.
`;

/** `nsmctl agent config watch` */
export function configWatchCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("watch")
    .aliases(["notify", "subscribe"])
    .summary("tell changes as they happen")
    .description("Prints a line whenever the state of a value changes.")
    .argument("[model...]", 'only values of these models; patterns such as "linux.*"')
    .option("--filter <json>", "notifications of the configurator service that match", listed)
    .addHelpText("after", help);
  addOutput(command, ["table", "json"]);
  addTargetOptions(command, true);
  command.action((patterns: string[], options: WatchOptions) =>
    context.run(command, async (session) => {
      const { watchAgent } = await import("../../read/watch.ts");
      await watchAgent(session, {
        patterns,
        filters: options.filter ?? [],
        json: outputOf(options, "table") === "json",
      });
      return 0;
    }),
  );
}

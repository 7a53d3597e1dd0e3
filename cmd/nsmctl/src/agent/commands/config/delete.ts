import { type Command, Option } from "commander";
import { addTargetOptions } from "../../connection/options.ts";
import type { AgentContext } from "../../context.ts";
import { tellSent } from "./tell.ts";

interface DeleteOptions {
  readonly wait?: true;
  readonly waitdone?: true;
  readonly via: "auto" | "grpc" | "etcd";
}

/** `nsmctl agent config delete` */
export function configDeleteCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("delete")
    .summary("ask the agent for less")
    .description(
      "Withdraws the values of files, which are read as by update; only what their keys are made from counts. What another source declares too stays.",
    )
    .argument("<file...>", 'files or folders; "-" is the standard input')
    .option("--wait", "wait until they are gone, at most --timeout; exits 1 when something is not")
    .addOption(new Option("--waitdone", "the same").hideHelp())
    .addOption(new Option("--via <way>", "auto, grpc or etcd").choices(["auto", "grpc", "etcd"]).default("auto"));
  addTargetOptions(command, true);
  command.action((paths: string[], options: DeleteOptions) =>
    context.run(command, async (session) => {
      const [{ readItems }, { sendDelete }] = await Promise.all([
        import("../../change/read-files.ts"),
        import("../../change/send.ts"),
      ]);
      const items = await readItems(paths, session);
      const sent = await sendDelete(session, items, options.via);
      const wait = options.wait ?? options.waitdone ?? false;
      return tellSent(session, sent, items, { done: "withdrawn", gone: true, wait });
    }),
  );
}

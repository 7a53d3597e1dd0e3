import { CodedError, isCodedError } from "@nsmkit/core";
import { type Command, Option } from "commander";
import { isObject } from "../../../lab/documents/object.ts";
import { exitCodes } from "../../../lab/io.ts";
import { table } from "../../../lab/view/table.ts";
import type { Item } from "../../change/read-files.ts";
import { addTargetOptions } from "../../connection/options.ts";
import type { Session } from "../../connection/session.ts";
import type { AgentContext } from "../../context.ts";
import { listed } from "../../view/output.ts";
import { tellSent } from "./tell.ts";

interface UpdateOptions {
  readonly replace?: true;
  readonly labels?: string[];
  readonly wait?: true;
  readonly dryRun?: true;
  readonly via: "auto" | "grpc" | "rest" | "etcd";
}

const help = `
Files hold what "config get" prints, CNFConfigurations (the items for --service-label), or keys and values. Every
mistake in them is told with its line, and nothing is sent then.

By itself it goes over gRPC, else over REST. What goes there is forgotten when the agent ends; etcd keeps it
(--via etcd, which writes it in one transaction).
`;

/** `nsmctl agent config update` */
export function configUpdateCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("update")
    .summary("ask the agent for more, or for something else")
    .description("Declares the values of files to the agent.")
    .argument("<file...>", 'files or folders; "-" is the standard input')
    .option("--replace", "withdraw what was declared the same way before and is not in the files")
    .option("--labels <list>", 'mark the values: "key=value" or "key", with commas between (over gRPC)', listed)
    .option("--wait", "wait until all is in place, at most --timeout; exits 1 when something is not")
    .option("--dry-run", "print what the agent would do, and change nothing")
    .addOption(
      new Option("--via <way>", "auto, grpc, rest or etcd").choices(["auto", "grpc", "rest", "etcd"]).default("auto"),
    )
    .addHelpText("after", help);
  addTargetOptions(command, true);
  command.action((paths: string[], options: UpdateOptions) =>
    context.run(command, async (session) => {
      const [{ readItems, readLabels }, { sendUpdate }] = await Promise.all([
        import("../../change/read-files.ts"),
        import("../../change/send.ts"),
      ]);
      const labels = readLabels(options.labels ?? []);
      const items = await readItems(paths, session);
      if (options.dryRun) return dryRun(session, items, options.replace ?? false);
      const sent = await sendUpdate(session, items, { way: options.via, replace: options.replace ?? false, labels });
      return tellSent(session, sent, items, { done: "declared", gone: false, wait: options.wait ?? false });
    }),
  );
}

async function dryRun(session: Session, items: readonly Item[], replace: boolean): Promise<number> {
  const { configText } = await import("../../change/text.ts");
  const query = replace ? { replace: "1" } : {};
  const answer = await session.http
    .json("POST", "/configuration/validate", query, configText(items))
    .catch((error: unknown) => {
      if (!isCodedError(error, "UNSUPPORTED")) throw error;
      throw new CodedError("UNSUPPORTED", `this agent makes no plans: ${error.message}`, { cause: error });
    });
  const planned: unknown[] | undefined = isObject(answer) && Array.isArray(answer.planned) ? answer.planned : undefined;
  if (!planned) {
    session.print(`${items.length} values are valid; this agent tells no plan.\n`);
    return exitCodes.ok;
  }
  const rows = planned.flatMap((step) =>
    isObject(step)
      ? [[String(step.Operation), String(step.NewState ?? ""), String(step.Key), String(step.NewErrMsg ?? "")]]
      : [],
  );
  session.print(rows.length === 0 ? "Nothing to do.\n" : table(["OPERATION", "THEN", "KEY", "REASON"], rows));
  return exitCodes.ok;
}

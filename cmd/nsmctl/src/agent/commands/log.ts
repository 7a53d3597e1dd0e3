import { CodedError } from "@nsmkit/core";
import type { Command } from "commander";
import { isObject } from "../../lab/documents/object.ts";
import { type Format, render } from "../../lab/view/output.ts";
import { table } from "../../lab/view/table.ts";
import { addTargetOptions } from "../connection/options.ts";
import type { Session } from "../connection/session.ts";
import type { AgentContext } from "../context.ts";
import { addOutput, type OutputOptions, outputOf } from "../view/output.ts";

export interface AgentLogger {
  readonly logger: string;
  readonly level: string;
}

const levels = ["trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"];

/** `nsmctl agent log` */
export function logCommand(parent: Command, context: AgentContext): void {
  const log = parent.command("log").summary("what the agent logs").description("Shows and sets the levels of loggers.");
  const list = log
    .command("list")
    .alias("ls")
    .summary("loggers and their levels")
    .description("Shows the loggers of the agent, those whose names contain a text, and their levels.")
    .argument("[logger]", "part of the name");
  addOutput(list, ["table", "json", "yaml"]);
  addTargetOptions(list, true);
  list.action((part: string | undefined, options: OutputOptions<Format>) =>
    context.run(list, async (session) => {
      const loggers = (await readLoggers(session)).filter(({ logger }) => logger.includes(part ?? ""));
      if (loggers.length === 0)
        throw new CodedError("NOT_FOUND", `the agent has no logger whose name contains ${JSON.stringify(part)}`);
      const rows = loggers.map(({ logger, level }) => [logger, level]);
      session.print(await render(loggers, outputOf(options, "table"), () => table(["LOGGER", "LEVEL"], rows)));
      return 0;
    }),
  );
  const set = log
    .command("set")
    .summary("set the level of a logger")
    .description("Sets from which level on a logger writes; until the agent ends.")
    .argument("<logger>", "name of a logger")
    .argument("<level>", "debug, info, warning, error, fatal or panic");
  addTargetOptions(set, true);
  set.action((logger: string, level: string) =>
    context.run(set, async (session) => {
      if (!levels.includes(level))
        throw new CodedError(
          "INVALID_ARGUMENT",
          `level is ${JSON.stringify(level)}; write one of ${levels.join(", ")}`,
        );
      const path = `/log/${encodeURIComponent(logger)}/${level}`;
      const answer = await session.http.json("PUT", path);
      if (isObject(answer) && typeof answer.Error === "string" && answer.Error !== "")
        throw new CodedError("UNKNOWN", `the agent says: ${answer.Error}`);
      session.print(`logger ${logger} has been set to level ${level}\n`);
      return 0;
    }),
  );
}

export async function readLoggers({ http }: Session): Promise<AgentLogger[]> {
  const answer = await http.json("GET", "/log/list");
  const list = Array.isArray(answer) ? answer : [];
  return list
    .flatMap((one: unknown) =>
      isObject(one) ? [{ logger: String(one.logger ?? one.Logger), level: String(one.level ?? one.Level) }] : [],
    )
    .sort((a, b) => (a.logger < b.logger ? -1 : 1));
}

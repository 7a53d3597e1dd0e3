import type { Command } from "commander";
import type { AgentContext } from "../context.ts";
import { configDeleteCommand } from "./config/delete.ts";
import { configGetCommand } from "./config/get.ts";
import { configHistoryCommand } from "./config/history.ts";
import { configResyncCommand } from "./config/resync.ts";
import { configRetrieveCommand } from "./config/retrieve.ts";
import { configUpdateCommand } from "./config/update.ts";
import { configWatchCommand } from "./config/watch.ts";

/** `nsmctl agent config` */
export function configCommand(parent: Command, context: AgentContext): void {
  const config = parent
    .command("config")
    .summary("what the agent was asked for")
    .description("Reads and changes the configuration that an agent was asked for, and shows what became of it.");
  for (const add of [
    configGetCommand,
    configUpdateCommand,
    configDeleteCommand,
    configRetrieveCommand,
    configWatchCommand,
    configResyncCommand,
    configHistoryCommand,
  ])
    add(config, context);
}

import type { Command } from "commander";
import type { CommandIo } from "../lab/io.ts";
import { configCommand } from "./commands/config.ts";
import { dumpCommand } from "./commands/dump.ts";
import { importCommand } from "./commands/import.ts";
import { kvdbCommand } from "./commands/kvdb.ts";
import { logCommand } from "./commands/log.ts";
import { metricsCommand } from "./commands/metrics.ts";
import { generateCommand, modelCommand } from "./commands/model.ts";
import { reportCommand } from "./commands/report.ts";
import { statusCommand } from "./commands/status.ts";
import { valuesCommand } from "./commands/values.ts";
import { addTargetOptions } from "./connection/options.ts";
import { AgentContext } from "./context.ts";

const help = `
The options above say where the agent is; they may stand before or after the command. Without --lab the agent is
reached by its address. With --lab or --pod it is one of a lab, whose networks are reached through its supervisor.

Commands use gRPC, HTTP or etcd, whichever has what they need; what an agent does not serve is read another way where
there is one, and that is told. gRPC is on where the agent finds a grpc.conf.

Exit codes: 0 done, 1 failed or not in place, 2 wrong arguments or documents, 130 interrupted.
`;

/** `nsmctl agent`: the daily commands of agentctl, for our agents and for Ligato's. */
export function agentCommand(program: Command, io: CommandIo, exit: (code: number) => void): void {
  const agent = program
    .command("agent")
    .summary("look into a running agent, and change what it does")
    .description(
      "Speaks to agents: nsm-agent-linux, nsm-agent-vpp, and those of Ligato. The commands are those of agentctl.",
    )
    .addHelpText("after", help)
    .enablePositionalOptions();
  addTargetOptions(agent, false);
  const context = new AgentContext(io, exit);
  for (const add of [
    configCommand,
    dumpCommand,
    valuesCommand,
    modelCommand,
    generateCommand,
    kvdbCommand,
    importCommand,
    statusCommand,
    metricsCommand,
    logCommand,
    reportCommand,
  ])
    add(agent, context);
}

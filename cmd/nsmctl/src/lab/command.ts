import type { Command } from "commander";
import { applyCommand } from "./commands/apply.ts";
import { checkCommand } from "./commands/check.ts";
import { deleteCommand } from "./commands/delete.ts";
import { demoCommand } from "./commands/demo.ts";
import { downCommand } from "./commands/down.ts";
import { execCommand } from "./commands/exec.ts";
import { graphCommand } from "./commands/graph.ts";
import { listCommand } from "./commands/list.ts";
import { logsCommand } from "./commands/logs.ts";
import { statusCommand } from "./commands/status.ts";
import { superviseCommand } from "./commands/supervise.ts";
import { upCommand } from "./commands/up.ts";
import type { CommandIo } from "./io.ts";

const exitHelp = `
Exit codes: 0 done, 1 failed (a check, a Pod, the system), 2 wrong arguments or documents, 130 interrupted.
State is kept in /run/nsmkit/labs (root), $XDG_RUNTIME_DIR/nsmkit/labs or ~/.local/state/nsmkit/labs;
NSMKIT_STATE_DIR chooses another folder.
`;

/** `nsmctl lab`: Kubernetes YAML in the namespaces of this machine. */
export function labCommand(program: Command, io: CommandIo, exit: (code: number) => void): void {
  const lab = program
    .command("lab")
    .summary("run CNF chains on this machine, without a cluster")
    .description(
      "Runs ordinary Kubernetes YAML (Pods, NetworkServices, CNFConfigurations) on this machine: each Pod is a set of Linux namespaces, each node has the mesh's own programs. Needs no root where the system allows user namespaces.",
    )
    .addHelpText("after", exitHelp)
    .enablePositionalOptions();
  for (const add of [
    upCommand,
    downCommand,
    statusCommand,
    execCommand,
    logsCommand,
    applyCommand,
    deleteCommand,
    graphCommand,
    checkCommand,
    demoCommand,
    listCommand,
    superviseCommand,
  ])
    add(lab, io, exit);
}

import { CodedError } from "@nsmkit/core";
import type { Command } from "commander";
import { addTargetOptions } from "../connection/options.ts";
import type { AgentContext } from "../context.ts";

interface ImportOptions {
  readonly txops: string;
  readonly grpc?: true;
}

const help = `
A line is a key, a space and a value in JSON:

  config/linux/l3/v2/arp/eth0/10.0.0.9 {"interface":"eth0","ip_address":"10.0.0.9","hw_address":"02:00:00:00:00:09"}
  /vnf-agent/nat/config/vpp/nat/v2/nat44-global {"forwarding":true}

Keys are whole, or begin below the agent that --service-label names. Empty lines and lines that begin with # are left
out. Such lines are printed by "nsmctl cnf render". All are checked first; nothing is written when one is wrong.
`;

/** `nsmctl agent import` */
export function importCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("import")
    .summary("write many values at once")
    .description("Writes keys and values of a file into etcd, or with --grpc to the agent.")
    .argument("<file>", 'file with lines "KEY VALUE"; "-" is the standard input')
    .option("--txops <number>", "writes per transaction of etcd", "128")
    .option("--grpc", "declare them to the agent over gRPC, in one transaction")
    .addHelpText("after", help);
  addTargetOptions(command, true);
  command.action((path: string, options: ImportOptions) =>
    context.run(command, async (session) => {
      const txOps = /^\d{1,6}$/.test(options.txops) ? Number(options.txops) : 0;
      if (txOps < 1)
        throw new CodedError("INVALID_ARGUMENT", `--txops is ${JSON.stringify(options.txops)}; write a number above 0`);
      const { importFile } = await import("../kvdb/import.ts");
      await importFile(session, path, { txOps, grpc: options.grpc ?? false });
      return 0;
    }),
  );
}

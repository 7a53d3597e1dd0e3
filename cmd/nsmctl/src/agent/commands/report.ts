import type { Command } from "commander";
import { exitCodes } from "../../lab/io.ts";
import { addTargetOptions } from "../connection/options.ts";
import type { AgentContext } from "../context.ts";

interface ReportOptions {
  readonly outputDirectory: string;
  readonly ignoreErrors?: true;
}

const help = `
Keys, secrets and passwords are taken out. What could not be had is told, and is in _failed.txt of the report. Exits 1
when the agent should have it, unless --ignore-errors is given. etcd is looked at where --etcd-endpoints or the Pod of a
lab name it.
`;

/** `nsmctl agent report` */
export function reportCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("report")
    .summary("everything useful in one file")
    .description("Writes a zip with status, configuration, values, history, figures and logs' levels of an agent.")
    .option("-o, --output-directory <directory>", "where to write it", ".")
    .option("-i, --ignore-errors", "exit with 0 even when parts could not be had")
    .addHelpText("after", help);
  addTargetOptions(command, true);
  command.action((options: ReportOptions) =>
    context.run(command, async (session) => {
      const { writeReport } = await import("../report/report.ts");
      const { path, failed } = await writeReport(session, options.outputDirectory);
      session.print(`${path}\n`);
      for (const { part, why } of failed) session.note(`not in it: ${part}: ${why}`);
      return failed.some(({ unserved }) => !unserved) && !options.ignoreErrors ? exitCodes.failed : exitCodes.ok;
    }),
  );
}

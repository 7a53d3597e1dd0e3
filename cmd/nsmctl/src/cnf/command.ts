import type { Command } from "commander";
import { type CommandIo, exitCodes } from "../lab/io.ts";

const renderHelp = `
Each line is the key, a space, and the value: JSON with original field names and without defaults, which begins at
the first " {". Nothing is printed when anything is wrong.
Exit codes: 0 rendered, 2 wrong arguments or documents; every mistake is told with file:line, item and field.
`;

/** `nsmctl cnf`: CNFConfigurations without a cluster. */
export function cnfCommand(program: Command, io: CommandIo, exit: (code: number) => void): void {
  const cnf = program
    .command("cnf")
    .summary("look at CNFConfigurations")
    .description("Works on CNFConfigurations (pantheon.tech/v1), the values that network functions are given.");
  cnf
    .command("render")
    .summary("print what a CNFConfiguration becomes in the store")
    .description(
      "Prints the pairs that cnf-crd writes to etcd for these documents, one per line, after the same strict checks. Asks no server. Documents of other kinds are left out.",
    )
    .addHelpText("after", renderHelp)
    .requiredOption("-f, --file <file...>", "file or folder with Kubernetes YAML; - is the standard input")
    .option(
      "--unknown-models <list>",
      "take items of models that are not known over unread, as cnf-crd's setting of this name: module/type, module/* or *",
    )
    .action(async (options: { file: string[]; unknownModels?: string }) => {
      // The models of VPP are large; other commands start without them.
      const { renderFiles } = await import("./render.ts");
      const { pairs, ignored } = await renderFiles(options.file, {
        signal: io.signal,
        ...(options.unknownModels === undefined ? {} : { unknownModels: options.unknownModels }),
      });
      for (const what of ignored) io.stderr.write(`left out: ${what}\n`);
      io.stdout.write(pairs.map(({ key, value }) => `${key} ${value}\n`).join(""));
      exit(exitCodes.ok);
    });
}

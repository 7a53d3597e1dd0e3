import { type Command, Option } from "commander";
import type { CommandIo } from "../lab/io.ts";

interface ConvertOptions {
  readonly filename: string;
  readonly output: "yaml" | "json";
}

/** `nsmctl convert`: an NSM document of 2020 in the current form. */
export function convertCommand(program: Command, io: CommandIo): void {
  program
    .command("convert")
    .summary("rewrite an NSM resource of 2020 in the current form")
    .description(
      "Prints the resource in the current form, for the newest release of Network Service Mesh. What changes in meaning is told on the standard error. Nothing is written to a cluster.",
    )
    .requiredOption("-f, --filename <file>", 'file with the NSM resource; "-" reads the standard input')
    .addOption(new Option("-o, --output <form>", "yaml or json").choices(["yaml", "json"]).default("yaml"))
    .action(async ({ filename, output }: ConvertOptions) => {
      const { convertNsm } = await import("@nsmkit/mesh");
      const { located, readNsm } = await import("./read-nsm.ts");
      const { nsm, source } = await readNsm(filename, process.stdin);
      const { document, notes } = convertNsm(nsm);
      for (const note of notes) io.stderr.write(`note: ${located(note, source)}\n`);
      const { stringify } = await import("yaml");
      io.stdout.write(output === "json" ? `${JSON.stringify(document, null, 2)}\n` : stringify(document));
    });
}

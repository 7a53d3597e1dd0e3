import { CodedError } from "@nsmkit/core";
import type { Command } from "commander";
import type { CommandIo } from "../io.ts";
import { change } from "./apply.ts";
import { documentsOf, identityOf, withoutObjects } from "./documents-of.ts";
import { findLab } from "./target.ts";

interface DeleteOptions {
  readonly lab?: string;
  readonly file?: string[];
  readonly dryRun?: boolean;
  readonly wait: string;
}

export function deleteCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("delete")
    .summary("remove single documents from a running lab")
    .description("Removes objects from a running lab, by kind and name or by the files that declare them.")
    .argument("[object...]", "kind/name, for example pod/client or cnfconfiguration/nat")
    .option("-f, --file <path...>", "remove the objects that these files declare")
    .option("--lab <name>", "the lab; may be left out when there is only one")
    .option("--dry-run", "print the plan and change nothing")
    .option("--wait <duration>", 'how long to wait until the rest is configured; "0" does not wait', "60s")
    .action(async (objects: string[], options: DeleteOptions) => {
      const places = findLab(io, options.lab);
      const { loadFiles } = await import("./build-from.ts");
      const declared = options.file ? (await loadFiles(options.file)).sources.map(identityOf) : [];
      const named = [...objects, ...declared];
      if (named.length === 0) throw new CodedError("INVALID_ARGUMENT", "name objects as kind/name, or files with -f");
      const documents = await documentsOf(places);
      const gone = new Set(named.map((name) => find(name, documents.map(identityOf))));
      const { documents: kept, leftOut } = withoutObjects(documents, gone);
      if (leftOut.length > 0) io.stderr.write(`left out of the Lab document with it: ${leftOut.join(", ")}\n`);
      exit(await change(places, kept, options, io));
    });
}

/** "pod/client", "Pods/client": kinds in any case, singular or plural. */
function find(name: string, identities: readonly string[]): string {
  const plain = (identity: string): string => identity.toLowerCase().replace(/s?\//, "/");
  const found = identities.find((identity) => plain(identity) === plain(name));
  if (found === undefined) throw new CodedError("NOT_FOUND", `the lab has no ${name}; it has ${identities.join(", ")}`);
  return found;
}

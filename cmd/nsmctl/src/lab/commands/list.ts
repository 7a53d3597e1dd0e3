import { type Command, Option } from "commander";
import { supervisorOf } from "../host/launch.ts";
import { labNames, labPlaces, labsRoot } from "../host/places.ts";
import { type CommandIo, exitCodes } from "../io.ts";
import { type Format, formats, render } from "../view/output.ts";
import { table } from "../view/table.ts";

export function listCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("list")
    .summary("labs of this user")
    .description("Lists the labs of this user, running or left over.")
    .addOption(new Option("-o, --output <format>", "form of the output").choices(formats).default("table"))
    .action(async (options: { output: Format }) => {
      const root = labsRoot(io.env, io.uid);
      const labs = labNames(root).map((name) => {
        const places = labPlaces(root, name);
        const supervisor = supervisorOf(places);
        return {
          name,
          state: supervisor ? "running" : "dead",
          pid: supervisor?.pid ?? null,
          directory: places.directory,
        };
      });
      io.stdout.write(
        await render(labs, options.output, (all) =>
          table(
            ["NAME", "STATE", "PID", "DIRECTORY"],
            all.map((lab) => [lab.name, lab.state, `${lab.pid ?? ""}`, lab.directory]),
          ),
        ),
      );
      exit(exitCodes.ok);
    });
}

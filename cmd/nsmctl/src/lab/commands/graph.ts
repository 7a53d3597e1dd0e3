import { type Command, Option } from "commander";
import { type CommandIo, exitCodes } from "../io.ts";
import { graphDot, graphMermaid } from "../view/graph-formats.ts";
import { type Graph, graphOf } from "../view/graph-model.ts";
import { graphText } from "../view/graph-text.ts";
import { askLab, findLab } from "./target.ts";

const drawings = {
  text: (graph: Graph, columns?: number): string => graphText(graph, columns),
  dot: graphDot,
  json: (graph: Graph): string => `${JSON.stringify(graph, null, 2)}\n`,
  mermaid: graphMermaid,
} as const;

export function graphCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("graph")
    .summary("draw the topology with its addresses")
    .description("Draws Pods, interfaces, addresses and connections as they are now.")
    .option("--lab <name>", "the lab; may be left out when there is only one")
    .addOption(
      new Option("-o, --output <format>", "form of the drawing").choices(Object.keys(drawings)).default("text"),
    )
    .action(async (options: { lab?: string; output: keyof typeof drawings }) => {
      const status = await askLab(findLab(io, options.lab), "status", {}, { signal: io.signal });
      io.stdout.write(drawings[options.output](graphOf(status), io.stdout.columns));
      exit(exitCodes.ok);
    });
}

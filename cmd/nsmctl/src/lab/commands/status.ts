import { type Command, Option } from "commander";
import { type CommandIo, exitCodes } from "../io.ts";
import type { ConnectionEnd, ContainerStatus, LabStatus } from "../supervisor/status-types.ts";
import { type Format, formats, render } from "../view/output.ts";
import { table } from "../view/table.ts";
import { askLab, findLab } from "./target.ts";

export function statusCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("status")
    .summary("nodes, Pods, agents, interfaces and connections of a lab")
    .description("Shows what runs now. Exits 1 when a container, agent or program of the mesh is not ready.")
    .option("--lab <name>", "the lab; may be left out when there is only one")
    .addOption(new Option("-o, --output <format>", "form of the output").choices(formats).default("table"))
    .action(async (options: { lab?: string; output: Format }) => {
      const status = await askLab(findLab(io, options.lab), "status", {}, { signal: io.signal });
      io.stdout.write(await render(status, options.output, statusText));
      const ready = status.nodes.every((node) => node.ready) && status.pods.every((pod) => pod.ready);
      exit(ready ? exitCodes.ok : exitCodes.failed);
    });
}

export function statusText(status: LabStatus): string {
  const { registry } = status;
  const nodes = [
    ["(underlay)", "", registry.name, registry.state, `${registry.restarts}`],
    ...status.nodes.flatMap((node) =>
      node.programs.map((program) => [node.name, node.address, program.name, program.state, `${program.restarts}`]),
    ),
  ];
  const containers = status.pods.flatMap((pod) =>
    pod.containers.map((container) => [
      pod.name,
      pod.node,
      container.name,
      container.state,
      agentText(container),
      `${container.restarts}`,
      container.reason ?? "",
    ]),
  );
  const interfaces = status.pods.flatMap((pod) =>
    pod.interfaces.map((link) => [
      pod.name,
      link.name,
      link.up ? "up" : "down",
      link.addresses.join(","),
      link.mac ?? "",
    ]),
  );
  const connections = status.connections.map((connection) => [
    connection.networkService,
    endText(connection.client),
    endText(connection.endpoint),
    connection.mechanism,
    connection.state,
  ]);
  const part = (title: string, text: string): string => `${title}\n${text}\n`;
  return [
    `Lab ${status.name}: supervisor ${status.supervisorPid}, ${status.rootless ? "as an ordinary user" : "as root"}, ${status.directory}\n\n`,
    part("NODES", table(["NODE", "ADDRESS", "PROGRAM", "STATE", "RESTARTS"], nodes)),
    part("PODS", table(["POD", "NODE", "CONTAINER", "STATE", "AGENT", "RESTARTS", "REASON"], containers)),
    ...(interfaces.length > 0
      ? [part("INTERFACES", table(["POD", "INTERFACE", "STATE", "ADDRESSES", "MAC"], interfaces))]
      : []),
    ...(connections.length > 0
      ? [part("CONNECTIONS", table(["NETWORK SERVICE", "CLIENT", "ENDPOINT", "MECHANISM", "STATE"], connections))]
      : []),
  ].join("");
}

function agentText({ agent }: ContainerStatus): string {
  if (!agent) return "";
  return agent.problems.length === 0 ? "configured" : agent.problems.join("; ");
}

function endText({ pod, interface: name, addresses }: ConnectionEnd): string {
  return `${pod ?? "?"}:${name ?? "?"}${addresses.length > 0 ? ` ${addresses.join(",")}` : ""}`;
}

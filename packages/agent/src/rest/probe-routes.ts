import { type AgentStatus, OperationalState, type Probe } from "../probe.ts";
import { quote } from "./exposition.ts";
import type { Route } from "./route.ts";

/**
 * /liveness: the agent works or is about to. /readiness: everything works. 500 otherwise, as the original. /health: the
 * same for Prometheus (cn-infra health/probe).
 */
export function probeRoutes(probe: Probe, label: string): Route[] {
  const route = (path: string, text: string, good: (state: number) => boolean): Route => ({
    method: "GET",
    path,
    text,
    group: "info",
    handle() {
      const status = probe.read();
      return { status: good(status.state) ? 200 : 500, body: status };
    },
  });
  return [
    route("/liveness", "whether the agent works or is starting", (state) => state !== OperationalState.ERROR),
    route("/readiness", "whether every part of the agent works", (state) => state === OperationalState.OK),
    {
      method: "GET",
      path: "/health",
      text: "states of the agent and its parts for Prometheus",
      group: "telemetry",
      handle: () => ({ body: healthText(probe.read(), label), type: "text/plain; version=0.0.4; charset=utf-8" }),
    },
  ];
}

function healthText({ state, plugins, build_version, build_date = "" }: AgentStatus, label: string): string {
  const service = `service="${quote(label)}"`;
  const family = (name: string, help: string, rows: readonly string[]): string[] => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...rows.map((row) => `${name}${row}`),
  ];
  const lines = [
    ...family("service_health", "State of the agent: 0 INIT, 1 OK, 2 ERROR.", [`{${service}} ${state}`]),
    ...family(
      "service_dependency_health",
      "State of a part: 0 INIT, 1 OK, 2 ERROR.",
      plugins.map((part) => `{dependency="${quote(part.name)}",${service}} ${part.state}`),
    ),
    ...family("service_info", "What the agent was built from.", [
      `{build_date="${quote(build_date)}",build_version="${quote(build_version)}",${service}} 1`,
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

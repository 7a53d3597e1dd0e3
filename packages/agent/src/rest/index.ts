import type { Agent } from "../agent.ts";
import type { LogRegistry } from "../log-registry.ts";
import type { BuildInfo, Probe } from "../probe.ts";
import { configurationRoutes } from "./configuration-routes.ts";
import { infoRoutes } from "./info-routes.ts";
import { linuxRoutes } from "./linux-routes.ts";
import { logRoutes } from "./log-routes.ts";
import { metricsRoute } from "./metrics.ts";
import { probeRoutes } from "./probe-routes.ts";
import type { Route } from "./route.ts";
import { schedulerRoutes } from "./scheduler-routes.ts";
import { noVppRoutes } from "./vpp-routes.ts";

export { LogRegistry, type LogRegistryOptions } from "../log-registry.ts";
export { type AgentStatus, type BuildInfo, Probe } from "../probe.ts";
export type { PermissionGroup, RestRequest, RestResponse, Route } from "./route.ts";
export { listenRest, type RestServer, type RestServerOptions } from "./server.ts";

export interface AgentRoutesOptions {
  readonly probe: Probe;
  readonly build: BuildInfo;
  /** Without it there is no /log. */
  readonly logs?: LogRegistry;
  /** Figures of other servers for GET /metrics, in the exposition format. */
  readonly moreMetrics?: () => string;
}

/** Everything that an agent answers over HTTP. */
export function agentRoutes(agent: Agent, { probe, build, logs, moreMetrics }: AgentRoutesOptions): Route[] {
  return [
    ...probeRoutes(probe, agent.label),
    ...infoRoutes(agent, build),
    ...configurationRoutes(agent),
    ...schedulerRoutes(agent.scheduler),
    ...linuxRoutes(agent.scheduler, agent.linux),
    {
      method: "GET",
      path: "/stats/configurator",
      text: "how often the gRPC configurator was asked for what, and how long it took (s)",
      group: "stats",
      handle: () => ({ body: agent.operations.read() }),
    },
    ...(logs ? logRoutes(logs) : []),
    metricsRoute(agent.scheduler, build, moreMetrics),
    ...noVppRoutes(),
  ];
}

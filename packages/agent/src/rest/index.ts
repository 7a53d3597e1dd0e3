import type { Agent } from "../agent.ts";
import type { BuildInfo, Probe } from "../probe.ts";
import { configurationRoutes } from "./configuration-routes.ts";
import { linuxRoutes } from "./linux-routes.ts";
import { metricsRoute } from "./metrics.ts";
import { probeRoutes } from "./probe-routes.ts";
import type { Route } from "./route.ts";
import { schedulerRoutes } from "./scheduler-routes.ts";

export { type AgentStatus, type BuildInfo, Probe } from "../probe.ts";
export { listenRest, type RestServer, type RestServerOptions } from "./server.ts";

/** Everything that an agent answers over HTTP. */
export function agentRoutes(agent: Agent, probe: Probe, build: BuildInfo): Route[] {
  return [
    ...probeRoutes(probe),
    {
      method: "GET",
      path: "/info/version",
      text: "what this agent was built from",
      handle: () => ({
        body: {
          App: "nsm-agent-linux",
          Version: build.version,
          GitCommit: build.revision ?? "",
          BuildDate: build.date ?? "",
        },
      }),
    },
    {
      method: "GET",
      path: "/info/files",
      text: "configuration files and what is wrong with them",
      handle: () => ({ body: agent.files.status }),
    },
    ...configurationRoutes(agent),
    ...schedulerRoutes(agent.scheduler),
    ...linuxRoutes(agent.scheduler, agent.linux),
    metricsRoute(agent.scheduler, build),
  ];
}

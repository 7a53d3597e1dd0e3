import { ConfiguratorService, StatsPollerService } from "@nsmkit/api/configurator";
import { ManagerService, MetaService } from "@nsmkit/api/generic";
import { systemClock } from "@nsmkit/core";
import { reflectionServices, type ServiceBinding } from "@nsmkit/sdk/transport";
import type { Agent } from "../../agent.ts";
import { readCounters } from "../../plugins/linux/counters.ts";
import { configuratorService } from "./configurator/service.ts";
import { statsPollerService } from "./configurator/stats-poller.ts";
import { managerService } from "./manager.ts";
import { metaService } from "./meta.ts";

export { type GrpcPlace, type GrpcServer, type GrpcServerOptions, listenGrpc } from "./server/listen.ts";
export { GrpcMetrics } from "./server/metrics.ts";

/** What an agent serves over gRPC: generic manager, descriptions of models, configurator, statistics, reflection. */
export function agentServices(agent: Agent): ServiceBinding[] {
  const files = agent.models.models.map(({ schema }) => schema.file);
  return [
    managerService(agent),
    metaService(agent.models),
    configuratorService({ ...agent, states: agent.linux.context.states }),
    statsPollerService((signal) => readCounters(agent.linux.context, { signal }), agent.clock ?? systemClock),
    ...reflectionServices([ManagerService, MetaService, ConfiguratorService, StatsPollerService], files),
  ];
}

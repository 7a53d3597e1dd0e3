import { ManagerService, MetaService } from "@nsmkit/api/generic";
import type { ServiceBinding } from "@nsmkit/sdk/transport";
import type { Agent } from "../../agent.ts";
import { managerService } from "./manager.ts";
import { metaService } from "./meta.ts";
import { reflectionServices } from "./reflection.ts";

/** What an agent serves over gRPC: the generic manager, the descriptions of models, and reflection. */
export function agentServices(agent: Agent): ServiceBinding[] {
  const files = agent.models.models.map(({ schema }) => schema.file);
  return [
    managerService(agent),
    metaService(agent.models),
    ...reflectionServices([ManagerService, MetaService], files),
  ];
}

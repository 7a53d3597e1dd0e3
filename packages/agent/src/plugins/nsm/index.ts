import type { Descriptor } from "@nsmkit/scheduler";
import type { AgentCore, AgentPlugin } from "../../agent.ts";
import { checkClientInterfaces } from "./check.ts";
import { createClientDescriptor } from "./client.ts";
import { createConnectionStateDescriptors } from "./connection-state.ts";
import { createEndpointDescriptor } from "./endpoint.ts";
import { LocalClient } from "./local-client.ts";
import type { EndpointNotifications, Mesh } from "./mesh.ts";

export { lazyMesh } from "./lazy-mesh.ts";
export type {
  ConnectionListener,
  ConnectionWish,
  EndpointClient,
  EndpointListener,
  EndpointNotifications,
  EndpointWish,
  Mesh,
  MeshConnection,
} from "./mesh.ts";

export interface NsmPluginOptions {
  readonly mesh: Mesh;
  /** Name of this agent in the mesh: unique among those of a node, and the same after a restart. */
  readonly name: string;
  readonly notifications?: EndpointNotifications;
}

/** The cnf.nsm models. Closing it closes the mesh: connections and registrations end. */
export function createNsmPlugin(core: AgentCore, options: NsmPluginOptions): AgentPlugin {
  const child = { ...core, logger: core.logger.child({ component: "nsm" }) };
  const local = new LocalClient(core.northbound);
  const { mesh, name, notifications } = options;
  return {
    descriptors: [
      ...createConnectionStateDescriptors(),
      createClientDescriptor(child, mesh, local, name),
      createEndpointDescriptor(child, mesh, local, name, notifications),
    ] as readonly Descriptor[],
    checks: [checkClientInterfaces],
    close: () => mesh.close(),
    [Symbol.asyncDispose]: () => mesh.close(),
  };
}

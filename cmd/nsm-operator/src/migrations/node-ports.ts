import type { Client, UnknownObject } from "@nsmkit/kube";
import type { Inventory } from "../inventory/inventory.ts";
import { kindOf, nameOf } from "../inventory/kinds.ts";
import { fieldManager, slim } from "../inventory/ownership.ts";
import type { Pass } from "../reconcile/context.ts";

interface ServiceSpec {
  readonly type?: string;
  readonly ports?: readonly { readonly nodePort?: number; readonly [field: string]: unknown }[];
}

/**
 * Takes the node ports from a Service that has become one of the cluster's inside alone. We never named them, so that an
 * apply does not take them away, and API servers differ in whether they do it themselves.
 */
export async function releaseNodePorts(
  pass: Pass,
  { client, inventory }: { client: Pick<Client, "mergePatch">; inventory: Inventory },
  service: string,
): Promise<void> {
  for (const live of inventory.ofMesh(pass.label)) {
    const { type = "ClusterIP", ports = [] } = (live.spec ?? {}) as ServiceSpec;
    const { name = "", namespace = "" } = live.metadata;
    if (live.kind !== "Service" || name !== service || type !== "ClusterIP") continue;
    if (!ports.some((port) => port.nodePort)) continue;
    const without = ports.map(({ nodePort: _, ...port }) => port);
    const patched = await client.mergePatch<UnknownObject>(
      kindOf(live),
      { namespace, name },
      { metadata: { resourceVersion: live.metadata.resourceVersion }, spec: { ports: without } },
      { fieldManager, signal: pass.signal },
    );
    inventory.learn(slim(patched));
    pass.did({ verb: "updated", object: live, because: "its node ports are released" });
    pass.logger.info("node ports released", { object: nameOf(live) });
  }
}

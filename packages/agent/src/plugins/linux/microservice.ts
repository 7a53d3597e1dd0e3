import type { NetnsRef } from "@nsmkit/netlink";
import { type Descriptor, keyPrefix } from "@nsmkit/scheduler";
import { microservicePrefix } from "./keys.ts";
import type { MicroserviceResolver } from "./namespaces.ts";

/** Containers that run now, by label: whatever lives in the namespace of one waits for it. */
export function createMicroserviceDescriptor(): Descriptor {
  return { name: "linux-microservice", keySelector: keyPrefix(microservicePrefix) };
}

/**
 * A resolver that knows the agent's own label only: in a Pod and in the lab the agent runs in the network namespace of
 * the containers that it configures.
 */
export function ownMicroservice(label: string): MicroserviceResolver & { readonly labels: readonly string[] } {
  const own: NetnsRef = { path: "/proc/self/ns/net" };
  return { labels: [label], resolve: (wanted) => (wanted === label ? own : undefined) };
}

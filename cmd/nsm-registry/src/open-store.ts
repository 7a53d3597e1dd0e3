import type { Clock, Logger } from "@nsmkit/core";
import type { Client } from "@nsmkit/kube";
import type { Metrics } from "@nsmkit/sdk/metrics";
import { type MemoryRegistry, type MemoryRegistryOptions, memoryRegistry } from "@nsmkit/sdk/registry";
import type { RegistryConfig } from "./settings.ts";

export interface OpenStoreDeps extends MemoryRegistryOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly metrics: Metrics;
  /** Default: where the settings say. */
  readonly client?: Client;
}

/**
 * The registry that the settings ask for, ready to serve: one over Kubernetes objects has read them all.
 * @throws FAILED_PRECONDITION, INVALID_CONFIG, NOT_FOUND for what leads to no API server; ABORTED
 */
export async function openStore(config: RegistryConfig, deps: OpenStoreDeps): Promise<MemoryRegistry> {
  if (config.store === "memory") return memoryRegistry(deps);
  // Loaded only when asked for: the memory of one without a cluster is half of it.
  const { openKubernetesStore } = await import("./kubernetes-store.ts");
  return openKubernetesStore(config, deps);
}

import { clusterOf, KubeClient } from "@nsmkit/kube";
import type { Metrics } from "@nsmkit/sdk/metrics";
import type { MemoryRegistry } from "@nsmkit/sdk/registry";
import type { OpenStoreDeps } from "./open-store.ts";
import type { RegistryConfig } from "./settings.ts";
import { kubernetesRegistry } from "./store/registry.ts";

/** The API server answers in milliseconds, or it does not; a caller of ours has a deadline of its own. */
const clientOptions = { timeoutMs: 10_000, connections: 16 };

/** A registry over Kubernetes objects that has read them all. */
export async function openKubernetesStore(config: RegistryConfig, deps: OpenStoreDeps): Promise<MemoryRegistry> {
  const { logger, metrics, signal } = deps;
  await using opened = new AsyncDisposableStack();
  const client = deps.client ?? opened.use(await connect(config, metrics));
  const registry = opened.use(kubernetesRegistry({ ...deps, client, namespace: config.namespace }));
  logger.info("reading what is registered", { namespace: config.namespace });
  await registry.synced({ signal });
  logger.info("read what is registered", registry.counts);
  metrics.gauge("nsm_registry_unreadable", "Objects that hold no entry.", () => registry.counts.unreadable);
  metrics.gauge("nsm_registry_fresh", "1 while the API server tells of changes.", () => Number(registry.isFresh));
  metrics.gauge("nsm_registry_spared_writes", "Renewals that needed no write.", () => registry.sparedWrites);
  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return {
    services: registry.services,
    endpoints: registry.endpoints,
    get counts() {
      return registry.counts;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function connect(config: RegistryConfig, metrics: Metrics): Promise<KubeClient> {
  const client = new KubeClient(await clusterOf(config), clientOptions);
  metrics.gauge("nsm_registry_api_requests", "Requests sent to the API server.", () => client.requests);
  return client;
}

import { NetworkServiceEndpointRegistry, NetworkServiceRegistry } from "@nsmkit/api/registry";
import type { Clock, Closable, Logger } from "@nsmkit/core";
import type { Client } from "@nsmkit/kube";
import { healthBinding } from "@nsmkit/sdk/health";
import { openMetrics } from "@nsmkit/sdk/metrics";
import { connectRegistry, registryBindings } from "@nsmkit/sdk/registry";
import { openIdentity } from "@nsmkit/sdk/settings";
import { dial, listen } from "@nsmkit/sdk/transport";
import { openStore } from "./open-store.ts";
import { name, type RegistryConfig } from "./settings.ts";

export interface RegistryDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Of the store k8s; default: where the settings say. */
  readonly client?: Client;
}

export interface RunningRegistry extends Closable {
  /** Listen URLs with real ports. */
  readonly urls: readonly string[];
}

/**
 * Starts a registry. It listens only when it can answer: what Kubernetes holds has been read by then.
 * @throws ALREADY_EXISTS and the like naming the listen URL; what leads to no API server
 */
export async function createNsmRegistry(config: RegistryConfig, deps: RegistryDeps): Promise<RunningRegistry> {
  const { logger } = deps;
  await using opened = new AsyncDisposableStack();
  const identity = opened.use(await openIdentity(config, { name, ...deps }));
  const channel =
    config.proxyRegistryUrl === undefined ? undefined : dial(config.proxyRegistryUrl, { identity, logger });
  if (channel) opened.use(channel);
  const metrics = opened.use(await openMetrics(config, { logger }));
  const registry = opened.use(
    await openStore(config, {
      ...deps,
      identity,
      metrics,
      defaultExpirationMs: config.expirePeriodMs,
      proxy: channel && connectRegistry({ channel, identity }),
    }),
  );
  metrics.gauge("nsm_registry_services", "Network services that are registered.", () => registry.counts.services);
  metrics.gauge("nsm_registry_endpoints", "Endpoints that are registered.", () => registry.counts.endpoints);
  const services = [
    ...metrics.measured(registryBindings(registry, deps)),
    healthBinding([NetworkServiceRegistry.typeName, NetworkServiceEndpointRegistry.typeName]),
  ];
  const server = opened.use(await listen(config.listenOn, { identity, services, logger }));
  logger.info("serving", { urls: server.urls });
  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return { urls: server.urls, close, [Symbol.asyncDispose]: close };
}

import { networkInterfaces } from "node:os";
import { MonitorConnection, NetworkService } from "@nsmkit/api/networkservice";
import { NetworkServiceEndpointRegistry, NetworkServiceRegistry } from "@nsmkit/api/registry";
import { type Clock, type Closable, type Logger, systemClock } from "@nsmkit/core";
import { healthBinding } from "@nsmkit/sdk/health";
import { openMetrics } from "@nsmkit/sdk/metrics";
import { nsmgrChain } from "@nsmkit/sdk/networkservice";
import { connectRegistry, createDiscovery, nsmgrRegistry, registryBindings } from "@nsmkit/sdk/registry";
import { openIdentity } from "@nsmkit/sdk/settings";
import { channelPool, dial, listen } from "@nsmkit/sdk/transport";
import { ExcludedPrefixes } from "./excluded-prefixes.ts";
import { publicUrl } from "./public-url.ts";
import type { NsmgrConfig } from "./settings.ts";

export interface NsmgrDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export interface RunningNsmgr extends Closable {
  /** Listen URLs with real ports. */
  readonly urls: readonly string[];
  /** What other nodes connect to. */
  readonly publicUrl: string;
  /** Connections that pass here now. */
  readonly connections: number;
}

const servedNames = [NetworkService, MonitorConnection, NetworkServiceRegistry, NetworkServiceEndpointRegistry].map(
  ({ typeName }) => typeName,
);

/** Starts the manager of a node. @throws ALREADY_EXISTS and the like naming the listen URL */
export async function createNsmgr(config: NsmgrConfig, deps: NsmgrDeps): Promise<RunningNsmgr> {
  const { logger, clock = systemClock } = deps;
  const { name, dialTimeoutMs, registryUrl, discoveryWaitMs } = config;
  const place = { nodeName: config.nodeName, podName: config.podName, clusterName: config.clusterName };
  await using opened = new AsyncDisposableStack();
  const identity = opened.use(await openIdentity(config, { ...deps, name }));
  let ownUrl = "";

  const behind =
    registryUrl === undefined ? undefined : opened.use(dial(registryUrl, { identity, logger, dialTimeoutMs }));
  const registry = opened.use(
    nsmgrRegistry({
      ...deps,
      identity,
      place,
      upstream: behind && {
        registry: connectRegistry({ channel: behind, identity, dialTimeoutMs }),
        publicUrl: () => ownUrl,
      },
    }),
  );
  const discovery = opened.use(createDiscovery(registry.inside, { clock, logger, waitMs: discoveryWaitMs }));
  const excluded = opened.use(new ExcludedPrefixes(config.excludedPrefixesFile, logger));
  await excluded.start();
  const channels = opened.use(channelPool({ identity, dial, logger, dialTimeoutMs, clock }));
  const connections = opened.use(
    nsmgrChain({
      name,
      identity,
      clock,
      logger,
      discovery,
      channels,
      dialTimeoutMs,
      forwarderServiceName: config.forwarderServiceName,
      forwarders: ({ signal }) =>
        registry.local.offering(config.forwarderServiceName, { signal, clock, waitMs: discoveryWaitMs }),
      excludedPrefixes: () => excluded.prefixes,
      labels: Object.fromEntries(Object.entries(place).filter((pair): pair is [string, string] => !!pair[1])),
    }),
  );
  const metrics = opened.use(await openMetrics(config, { logger }));
  metrics.gauge("nsm_connections", "Connections that pass here.", () => connections.size);
  metrics.gauge("nsm_local_endpoints", "Endpoints and forwarders that registered here.", () => registry.local.size);
  const services = [
    ...metrics.measured([...connections.bindings, ...registryBindings(registry.front, { clock, logger })]),
    healthBinding(servedNames),
  ];
  const server = opened.use(await listen(config.listenOn, { identity, services, logger }));
  ownUrl = publicUrl(server.urls, networkInterfaces());
  logger.info("serving", { urls: server.urls, publicUrl: ownUrl, registry: registryUrl ?? "in memory" });

  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return {
    urls: server.urls,
    publicUrl: ownUrl,
    get connections() {
      return connections.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

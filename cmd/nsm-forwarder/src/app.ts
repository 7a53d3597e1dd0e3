import { KernelCrossConnector } from "@nsmkit/agent/crossconnect";
import { MonitorConnection, NetworkService } from "@nsmkit/api/networkservice";
import { type Clock, Deferred, type Logger, messageOf, retry, systemClock } from "@nsmkit/core";
import type { Running } from "@nsmkit/core/program";
import { type Netlink, openNetlink } from "@nsmkit/netlink";
import { Context } from "@nsmkit/sdk/chain";
import { healthBinding } from "@nsmkit/sdk/health";
import { openMetrics } from "@nsmkit/sdk/metrics";
import { forwarderChain, type ServerChain } from "@nsmkit/sdk/networkservice";
import { createDiscovery, createRegistryClient, type RegistryClient } from "@nsmkit/sdk/registry";
import { openIdentity } from "@nsmkit/sdk/settings";
import { channelPool, dial, listen } from "@nsmkit/sdk/transport";
import { registerConnectionMetrics } from "./metrics.ts";
import { resync } from "./resync.ts";
import type { ForwarderConfig } from "./settings.ts";
import { findUplink } from "./uplink.ts";

export interface ForwarderDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Default: the kernel of this machine. Closed with the forwarder. */
  readonly netlink?: Netlink;
}

export interface RunningForwarder extends Running {
  /** Where the nsmgr reaches us. */
  readonly url: string;
  /** Resolves when the nsmgr has taken the registration. */
  readonly registered: Promise<void>;
  /** Never resolves; rejects when the nsmgr refuses us for good. */
  readonly done: Promise<void>;
  readonly connections: number;
  /** Of /metrics, if served. */
  readonly metricsUrl: string | undefined;
}

/** Bound of closing a connection whose namespace is gone, ms. */
const closeTimeoutMs = 15_000;
/** An nsmgr that starts beside us is there within moments. */
const registrationBackoff = { initialMs: 50, maxMs: 1_000 };

/** Starts a forwarder. Its connections outlive it: links stay when it is closed and are taken over by the next one. */
export async function createForwarder(config: ForwarderConfig, deps: ForwarderDeps): Promise<RunningForwarder> {
  const { logger, clock = systemClock } = deps;
  const { name, dialTimeoutMs, connectTo } = config;
  await using opened = new AsyncDisposableStack();
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, deps.signal]);
  const identity = opened.use(await openIdentity(config, { ...deps, name }));

  const netlink = opened.use(deps.netlink ?? (await openNetlink()));
  const uplink = config.tunnelIp === undefined ? undefined : await findUplink(netlink, config.tunnelIp);
  let closeGone: (connectionId: string) => void = () => {};
  const plane = opened.use(
    new KernelCrossConnector({
      netlink,
      clock,
      logger,
      ...(uplink && { tunnelIp: uplink.tunnelIp }),
      ...(config.linkOwner !== undefined && { owner: config.linkOwner }),
      onNamespaceGone: (connectionId) => closeGone(connectionId),
    }),
  );
  const registry = opened.use(createRegistryClient({ connectTo, identity, dialTimeoutMs, clock, logger }));
  const discovery = opened.use(createDiscovery(registry, { clock, logger }));
  const channels = opened.use(channelPool({ identity, dial, logger, dialTimeoutMs, clock }));
  const chain = opened.use(
    forwarderChain({
      ...{ name, identity, clock, logger, discovery, channels, dialTimeoutMs },
      crossConnector: plane,
      mechanismPriority: config.mechanismPriority,
      ...(uplink && { uplinkMtu: uplink.mtu }),
      ...(config.vxlanPort !== 0 && { tunnelPort: config.vxlanPort }),
    }),
  );
  closeGone = (connectionId) => void closeConnection(chain, plane, connectionId, { clock, logger });
  const metrics = opened.use(await openMetrics(config, { logger }));
  metrics.gauge("nsm_connections", "Connections that pass here.", () => chain.size);
  if (metrics.register) {
    const source = { connections: () => chain.connections(), counters: () => plane.counters() };
    await registerConnectionMetrics(metrics.register, source, config.prometheusPrefix);
  }
  const services = [
    ...metrics.measured(chain.bindings),
    healthBinding([NetworkService.typeName, MonitorConnection.typeName]),
  ];
  const server = opened.use(await listen([config.listenOn], { identity, services, logger }));
  const url = server.urls[0] ?? config.listenOn;
  await resync({ plane, tokenLifeMs: config.maxTokenLifetimeMs, clock, logger, signal });

  const failed = new Deferred<void>();
  failed.promise.catch(() => {});
  const registering = register(registry, config, url, { logger, clock, signal });
  registering.catch((error: unknown) => {
    if (!signal.aborted) failed.reject(error);
  });
  opened.defer(async () => {
    stopping.abort();
    await registering.catch(() => {});
  });
  logger.info("serving", { url, tunnelIp: uplink?.tunnelIp, mtu: uplink?.mtu, metrics: metrics.url });

  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return {
    url,
    registered: registering,
    done: failed.promise,
    metricsUrl: metrics.url,
    get connections() {
      return chain.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Tries until the nsmgr takes us, or refuses for good. Then the registry client keeps the registration alive. */
async function register(
  registry: RegistryClient,
  config: ForwarderConfig,
  url: string,
  { logger, clock, signal }: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const entry = {
    name: config.name,
    url,
    networkServiceNames: [config.serviceName],
    networkServiceLabels: { [config.serviceName]: { labels: { ...config.labels } } },
  };
  await retry(() => registry.register(entry, { signal }), {
    ...registrationBackoff,
    clock,
    signal,
    onRetry: (error, attempt) => {
      if (attempt === 1)
        logger.warn("cannot register yet, trying on", { nsmgr: config.connectTo, reason: messageOf(error) });
    },
  });
  logger.info("registered", { nsmgr: config.connectTo, networkService: config.serviceName, labels: config.labels });
}

/** Closes what serves nobody any more, here and onward; watchers are told, so that a living client heals. */
async function closeConnection(
  chain: ServerChain,
  plane: KernelCrossConnector,
  connectionId: string,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const signal = AbortSignal.timeout(closeTimeoutMs);
  const connection = chain.connections().find(({ id }) => id === connectionId);
  try {
    if (connection) await chain.handler.close(new Context({ signal, clock, logger }), connection);
    else await plane.disconnect(connectionId, { signal });
  } catch (error) {
    logger.warn("a connection without namespace was not closed everywhere", {
      connection: connectionId,
      reason: messageOf(error),
    });
  }
}

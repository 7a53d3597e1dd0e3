import { closeAll, type Logger, mustExist, systemClock } from "@nsmkit/core";
import { behaviourElements } from "../endpoint/behaviour.ts";
import { endpointChain } from "../networkservice/chains/endpoint/endpoint.ts";
import { forwarderChain } from "../networkservice/chains/forwarder/forwarder.ts";
import { nsmgrChain } from "../networkservice/chains/nsmgr/nsmgr.ts";
import type { ServerChain } from "../networkservice/chains/server.ts";
import {
  connectRegistry,
  createDiscovery,
  createRegistryClient,
  nsmgrRegistry,
  registryBindings,
} from "../registry/index.ts";
import { channelPool } from "../transport/client/pool.ts";
import { dial, type Identity, listen } from "../transport/index.ts";
import { FakeCrossConnector } from "./crossconnector.ts";

/** A program of the mesh inside this process. */
export interface Part {
  readonly chain: ServerChain;
  /** For programs of the node. */
  readonly url: string;
  /** Ends it in order. */
  close(): Promise<void>;
  /** Ends it as SIGKILL would: nobody is told, nothing is unregistered. */
  kill(): Promise<void>;
}

export interface PartOptions {
  readonly name: string;
  readonly identity: Identity;
  readonly logger: Logger;
}

export interface NsmgrPart extends Part {
  /** For other nodes. */
  readonly publicUrl: string;
}

export async function startNsmgr(
  options: PartOptions & { readonly socket: string; readonly publicUrl: string; readonly registryUrl: string },
): Promise<NsmgrPart> {
  const { name, identity, logger, registryUrl } = options;
  const behind = dial(registryUrl, { identity, logger });
  let publicUrl = options.publicUrl;
  const registry = nsmgrRegistry({
    identity,
    logger,
    upstream: { registry: connectRegistry({ channel: behind, identity }), publicUrl: () => publicUrl },
  });
  const discovery = createDiscovery(registry.inside, { logger });
  const channels = channelPool({ dial, identity, logger });
  const forwarders = ({ signal }: { readonly signal: AbortSignal }) =>
    registry.local.offering("forwarder", { signal, clock: systemClock, waitMs: 0 });
  const chain = nsmgrChain({ name, identity, logger, discovery, channels, forwarders });
  const services = [...chain.bindings, ...registryBindings(registry.front, { logger })];
  const server = await listen([options.socket, options.publicUrl], { identity, services, logger });
  publicUrl = mustExist(server.urls[1], "the public URL");
  const rest = [behind, channels, { close: chain.stop }, discovery, registry];
  return {
    chain,
    url: options.socket,
    publicUrl,
    close: () => closeAll([...rest, server]),
    kill: () => closeAll([...rest, { close: () => server.destroy() }]),
  };
}

export interface ForwarderPart extends Part {
  readonly crossConnector: FakeCrossConnector;
}

export async function startForwarder(
  options: PartOptions & { readonly socket: string; readonly nsmgrUrl: string; readonly tunnelIp: string },
): Promise<ForwarderPart> {
  const { name, identity, logger, nsmgrUrl, socket } = options;
  const crossConnector = new FakeCrossConnector({ tunnelIp: options.tunnelIp });
  const registry = createRegistryClient({ connectTo: nsmgrUrl, identity, logger });
  const discovery = createDiscovery(registry, { logger });
  const channels = channelPool({ dial, identity, logger });
  const chain = forwarderChain({ name, identity, logger, discovery, channels, crossConnector });
  const server = await listen([socket], { identity, services: chain.bindings, logger });
  await registry.register({
    name,
    url: socket,
    networkServiceNames: ["forwarder"],
    networkServiceLabels: { forwarder: { labels: { p2p: "true" } } },
  });
  const rest = [channels, { close: chain.stop }, discovery];
  return {
    chain,
    url: socket,
    crossConnector,
    close: () => closeAll([...rest, server, registry]),
    kill: () =>
      closeAll([registry, { close: () => registry.channel.close() }, ...rest, { close: () => server.destroy() }]),
  };
}

/** An endpoint that may die. */
export async function startEndpoint(
  options: PartOptions & {
    readonly socket: string;
    readonly nsmgrUrl: string;
    readonly service: string;
    readonly cidrs: readonly string[];
  },
): Promise<Part> {
  const { name, identity, logger, nsmgrUrl, socket, service, cidrs } = options;
  const elements = behaviourElements({ name, services: [service], cidrs });
  const chain = endpointChain({ name, identity, logger, elements });
  const server = await listen([socket], { identity, services: chain.bindings, logger });
  const registry = createRegistryClient({ connectTo: nsmgrUrl, identity, logger });
  const services = [{ name: service, payload: "ETHERNET" }];
  await registry.register({ name, url: socket, networkServiceNames: [service] }, { services });
  return {
    chain,
    url: socket,
    close: () => closeAll([{ close: chain.stop }, server, registry]),
    kill: () =>
      closeAll([
        registry,
        { close: () => registry.channel.close() },
        { close: chain.stop },
        { close: () => server.destroy() },
      ]),
  };
}

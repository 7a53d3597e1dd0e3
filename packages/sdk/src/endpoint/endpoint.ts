import { CodedError, closeAll, mustExist, silentLogger, systemClock } from "@nsmkit/core";
import { insecureIdentity } from "../identity/index.ts";
import { endpointChain } from "../networkservice/chains/endpoint/endpoint.ts";
import { MonitorHub } from "../networkservice/common/monitor/hub.ts";
import { cloneConnection } from "../networkservice/core/connection.ts";
import { networkServiceBinding } from "../networkservice/core/serve.ts";
import { createRegistryClient } from "../registry/index.ts";
import { listen } from "../transport/index.ts";
import type { Endpoint, EndpointBehaviour, EndpointHost, EndpointHostOptions, EndpointOptions } from "./api.ts";
import { behaviourElements } from "./behaviour.ts";
import { Demultiplexer } from "./demultiplexer.ts";
import { registrationOf } from "./registration.ts";
import { ownSocket } from "./socket.ts";

/**
 * Listens for the connections of endpoints that are added later.
 * @throws ALREADY_EXISTS when the socket is in use
 */
export async function endpointHost(options: EndpointHostOptions): Promise<EndpointHost> {
  const { connectTo, clock = systemClock, logger = silentLogger, requestTimeoutMs = 15_000 } = options;
  const name = options.name ?? `endpoint-${crypto.randomUUID()}`;
  await using opening = new AsyncDisposableStack();
  const identity = options.identity ?? opening.use(insecureIdentity({ name, clock }));
  const hub = new MonitorHub();
  const chains = new Demultiplexer();
  const bindings = [networkServiceBinding(chains, { clock, logger }), hub.binding];
  const listenOn = options.listenOn ?? (await ownSocket(opening));
  const server = opening.use(await listen([listenOn], { identity, services: bindings, logger }));
  const url = mustExist(server.urls[0], "the listen URL");
  const registry = opening.use(createRegistryClient({ connectTo, identity, requestTimeoutMs, clock, logger }));
  const endpoints = new Set<Endpoint>();

  const add = async (behaviour: EndpointBehaviour, { signal }: { readonly signal?: AbortSignal } = {}) => {
    if (chains.has(behaviour.name))
      throw new CodedError("ALREADY_EXISTS", `this host serves an endpoint "${behaviour.name}" already`);
    await using adding = new AsyncDisposableStack();
    const elements = behaviourElements(behaviour);
    const chain = adding.use(endpointChain({ name: behaviour.name, identity, clock, logger, hub, elements }));
    chains.add(behaviour.name, chain);
    adding.defer(() => chains.delete(behaviour.name));
    adding.defer(() => chain.closeConnections());
    const { entry, services } = registrationOf(behaviour, url);
    // Unregistered first of all, so that clients whose connections end find another endpoint.
    adding.use(await registry.register(entry, { services, ...(signal && { signal }) }));
    const added = adding.move();
    const endpoint: Endpoint = {
      name: behaviour.name,
      url,
      get connections() {
        return chain.connections().map(cloneConnection);
      },
      async close() {
        endpoints.delete(endpoint);
        await added.disposeAsync();
      },
      [Symbol.asyncDispose]: () => endpoint.close(),
    };
    endpoints.add(endpoint);
    return endpoint;
  };

  const opened = opening.move();
  const close = (): Promise<void> => closeAll([{ close: () => opened.disposeAsync() }, ...endpoints]);
  return { url, add, close, [Symbol.asyncDispose]: close };
}

/** One endpoint on a socket of its own. @throws as `endpointHost` and `add` */
export async function endpoint(options: EndpointOptions): Promise<Endpoint> {
  await using opening = new AsyncDisposableStack();
  const host = opening.use(await endpointHost(options));
  const only = await host.add(options);
  opening.move();
  return {
    name: only.name,
    url: only.url,
    get connections() {
      return only.connections;
    },
    close: host.close,
    [Symbol.asyncDispose]: host.close,
  };
}

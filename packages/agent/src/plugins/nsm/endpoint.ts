import type { NetworkServiceEndpoint } from "@nsmkit/api/cnf";
import { nsmEndpointModel } from "@nsmkit/api/model";
import { type Closable, CodedError, messageOf } from "@nsmkit/core";
import { type Descriptor, keyPrefix } from "@nsmkit/scheduler";
import type { AgentCore } from "../../agent.ts";
import { checkEndpoint, endpointTitle, labelsOf } from "./check.ts";
import { InterfaceNames, linkNameFor } from "./interface-names.ts";
import type { LocalClient } from "./local-client.ts";
import type { EndpointClient, EndpointListener, EndpointNotifications, EndpointWish, Mesh } from "./mesh.ts";

interface Served {
  readonly value: NetworkServiceEndpoint;
  readonly endpoint: Closable;
  /** Withdraws the interfaces of all clients. */
  readonly clear: () => void;
}

/**
 * Endpoints of network services: each client that connects gets an interface, named after the endpoint's rule.
 * @param name of the agent in the mesh, which makes endpoint names unique
 */
export function createEndpointDescriptor(
  core: AgentCore,
  mesh: Mesh,
  local: LocalClient,
  name: string,
  notifications?: EndpointNotifications,
): Descriptor<NetworkServiceEndpoint> {
  const { logger } = core;
  const served = new Map<string, Served>();

  const wishOf = (value: NetworkServiceEndpoint): EndpointWish => ({
    name: `${value.networkService}-${name}`,
    networkService: value.networkService,
    labels: labelsOf(value.advertisedLabels),
    singleClient: value.singleClient,
    addresses: value.ipAddresses,
    mac: value.physAddress,
  });

  return {
    name: "nsm-endpoint-descriptor",
    keySelector: keyPrefix(nsmEndpointModel.keyPrefix),
    nbKeyPrefix: nsmEndpointModel.keyPrefix,
    keyLabel: (key) => key.slice(nsmEndpointModel.keyPrefix.length),
    validate: (_key, value) => checkEndpoint(value),

    async create({ key, value }, options) {
      const clients = new Clients(value, local, logger);
      try {
        const endpoint = await mesh.serve(wishOf(value), clients, options);
        served.set(key, { value, endpoint, clear: () => clients.clear() });
      } catch (error) {
        clients.clear();
        throw explain(value, error);
      }
      notifications?.publish(value.networkService, labelsOf(value.advertisedLabels));
      logger.info("endpoint is registered", { networkService: value.networkService, endpoint: wishOf(value).name });
    },

    async delete({ key, value }) {
      const entry = served.get(key);
      served.delete(key);
      notifications?.withdraw(value.networkService, labelsOf(value.advertisedLabels));
      entry?.clear();
      await entry?.endpoint.close();
    },

    retrieve: () => [...served].map(([key, { value }]) => ({ key, value, origin: "NB" as const })),
  };
}

/** The clients of one endpoint and their interfaces. */
class Clients implements EndpointListener {
  readonly #value: NetworkServiceEndpoint;
  readonly #local: LocalClient;
  readonly #logger: AgentCore["logger"];
  readonly #names: InterfaceNames;
  readonly #connected = new Set<string>();

  constructor(value: NetworkServiceEndpoint, local: LocalClient, logger: AgentCore["logger"]) {
    this.#value = value;
    this.#local = local;
    this.#logger = logger;
    const rule = { prefix: value.interfaceNamePrefix, suffixFromLabel: value.interfaceNameSuffixFromLabel };
    this.#names = new InterfaceNames(rule, (taken) => local.isTaken(taken));
  }

  accept(client: EndpointClient): string {
    return linkNameFor(this.#names.assign(client));
  }

  connected({ connectionId }: EndpointClient): void {
    const name = this.#names.nameOf(connectionId);
    if (name === undefined) return;
    const { ipAddresses: addresses, physAddress: mac } = this.#value;
    this.#local.put({ name, linkName: linkNameFor(name), addresses, mac }, endpointTitle(this.#value));
    this.#connected.add(connectionId);
    this.#logger.info("client connected", {
      networkService: this.#value.networkService,
      interface: name,
      connection: connectionId,
    });
  }

  gone(connectionId: string): void {
    const name = this.#names.release(connectionId);
    if (!this.#connected.delete(connectionId) || name === undefined) return;
    this.#logger.info("client disconnected", {
      networkService: this.#value.networkService,
      interface: name,
      connection: connectionId,
    });
    try {
      this.#local.remove(name, endpointTitle(this.#value));
    } catch (error) {
      // Only a scheduler that is closing refuses a removal.
      this.#logger.debug("interface of a client was not withdrawn", { interface: name, reason: messageOf(error) });
    }
  }

  clear(): void {
    for (const connectionId of [...this.#connected]) this.gone(connectionId);
  }
}

function explain(value: NetworkServiceEndpoint, error: unknown): unknown {
  if (!(error instanceof CodedError)) return error;
  return new CodedError(error.code, `${endpointTitle(value)} cannot be registered: ${error.message}`, {
    cause: error,
    retryable: true,
    details: error.details,
  });
}

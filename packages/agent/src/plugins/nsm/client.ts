import type { NetworkServiceClient } from "@nsmkit/api/cnf";
import { nsmClientModel } from "@nsmkit/api/model";
import { abortable, CodedError, messageOf } from "@nsmkit/core";
import { type Descriptor, keyPrefix } from "@nsmkit/scheduler";
import type { AgentCore } from "../../agent.ts";
import { checkClient, clientTitle, labelsOf } from "./check.ts";
import { connectivityKey, reportConnection } from "./connection-state.ts";
import type { LocalClient } from "./local-client.ts";
import type { ConnectionWish, Mesh, MeshConnection } from "./mesh.ts";

interface Open {
  value: NetworkServiceClient;
  connection: MeshConnection | undefined;
}

/** How long a withdrawn interface may take to be taken down before its connection is closed regardless, ms. */
const takeDownMs = 3_000;

/**
 * Clients of network services. Connecting may take as long as the service takes to appear: only this value waits.
 * The interface that a connection yields is declared to the Linux plugin under its logical name.
 * @param name of the agent in the mesh, the start of connection ids
 */
export function createClientDescriptor(
  core: AgentCore,
  mesh: Mesh,
  local: LocalClient,
  name: string,
): Descriptor<NetworkServiceClient> {
  const { scheduler, logger } = core;
  const open = new Map<string, Open>();

  const wishOf = (value: NetworkServiceClient): ConnectionWish => ({
    id: `${name}-${value.name}`,
    networkService: value.networkService,
    labels: labelsOf(value.outgoingLabels),
    interfaceName: value.interfaceName,
    addresses: value.ipAddresses,
    mac: value.physAddress,
  });

  const declare = (value: NetworkServiceClient, connection: MeshConnection): void => {
    const { interfaceName } = value;
    // Configured addresses count as they are; otherwise those that the endpoint assigned.
    const addresses = value.ipAddresses.length > 0 ? value.ipAddresses : connection.addresses;
    const wanted = { name: interfaceName, linkName: connection.interfaceName, addresses, mac: value.physAddress };
    local.put(wanted, clientTitle(value));
  };

  const listenerFor = (key: string, value: NetworkServiceClient) => ({
    up(connection: MeshConnection): void {
      const entry = open.get(key);
      if (!entry?.connection) return;
      reportConnection(scheduler, value.name, true);
      try {
        declare(entry.value, connection);
      } catch (error) {
        logger.error("interface of a connection cannot be declared", { client: value.name, error });
      }
    },
    down(reason: string): void {
      if (!open.has(key)) return;
      logger.warn("connection is down, healing it", {
        client: value.name,
        networkService: value.networkService,
        reason,
      });
      reportConnection(scheduler, value.name, false);
    },
  });

  const close = async (key: string, value: NetworkServiceClient, connection: MeshConnection): Promise<void> => {
    open.delete(key);
    reportConnection(scheduler, value.name, false);
    const { settled } = local.remove(value.interfaceName, clientTitle(value));
    // The interface goes before its link does, so that nothing works on a link that vanishes.
    await abortable(settled, AbortSignal.timeout(takeDownMs), "taking down an interface").catch((error: unknown) =>
      logger.warn("interface was not taken down in time", { client: value.name, reason: messageOf(error) }),
    );
    await connection.close();
  };

  return {
    name: "nsm-client-descriptor",
    keySelector: keyPrefix(nsmClientModel.keyPrefix),
    nbKeyPrefix: nsmClientModel.keyPrefix,
    keyLabel: (key) => key.slice(nsmClientModel.keyPrefix.length),
    validate: (_key, value) => checkClient(value),
    claims: (_key, value) => [`nsm/client-interface/${value.interfaceName}`],
    derivedValues: (_key, value) => [{ key: connectivityKey(value.name), value: { client: value.name } }],
    // The mesh can change what a connection asks for, but neither its service nor its link; labels it can only add.
    updateWithRecreate: ({ oldValue, newValue }) =>
      oldValue.networkService !== newValue.networkService ||
      oldValue.interfaceName !== newValue.interfaceName ||
      oldValue.outgoingLabels.some(({ key }) => !newValue.outgoingLabels.some((label) => label.key === key)),

    async create({ key, value }, options) {
      open.set(key, { value, connection: undefined });
      try {
        const connection = await mesh.connect(wishOf(value), listenerFor(key, value), options);
        open.set(key, { value, connection });
        try {
          declare(value, connection);
        } catch (error) {
          await connection.close();
          throw error;
        }
        reportConnection(scheduler, value.name, true);
        logger.info("connected", {
          client: value.name,
          networkService: value.networkService,
          interface: connection.interfaceName,
          addresses: connection.addresses,
        });
      } catch (error) {
        open.delete(key);
        throw explain(value, error);
      }
    },

    async update({ key, newValue }, options) {
      const entry = open.get(key);
      if (!entry?.connection) throw new CodedError("INTERNAL", `${clientTitle(newValue)} has no connection to change`);
      try {
        await entry.connection.update(wishOf(newValue), options);
      } catch (error) {
        throw explain(newValue, error);
      }
      entry.value = newValue;
      declare(newValue, entry.connection);
    },

    async delete({ key, value }) {
      const entry = open.get(key);
      if (entry?.connection) await close(key, value, entry.connection);
      else open.delete(key);
    },

    retrieve: () =>
      [...open].flatMap(([key, { value, connection }]) =>
        connection && !connection.closed ? [{ key, value, origin: "NB" as const }] : [],
      ),
  };
}

function explain(value: NetworkServiceClient, error: unknown): unknown {
  if (!(error instanceof CodedError)) return error;
  return new CodedError(
    error.code,
    `${clientTitle(value)} cannot connect to "${value.networkService}": ${error.message}`,
    {
      cause: error,
      // What the mesh refuses today it may serve tomorrow: services, matches and policies change without us.
      retryable: true,
      details: error.details,
    },
  );
}

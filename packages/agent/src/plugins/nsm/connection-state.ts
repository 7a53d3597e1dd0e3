import { type Descriptor, keyPrefix, type Scheduler } from "@nsmkit/scheduler";

const statePrefix = "nsm/connection/";
const derivedPrefix = "nsm/client/";

/** Exists while the connection of a client works. Told by the mesh. */
const upKey = (client: string): string => `${statePrefix}${client}/UP`;

/** Derived from every client: PENDING while its connection is down, with that as the reason. */
export const connectivityKey = (client: string): string => `${derivedPrefix}${client}/connectivity`;

/** Shows in the status of a client whether its connection works, although the client is configured in any case. */
export function createConnectionStateDescriptors(): Descriptor[] {
  return [
    { name: "nsm-connection-state", keySelector: keyPrefix(statePrefix) },
    {
      name: "nsm-client-connectivity",
      keySelector: keyPrefix(derivedPrefix),
      dependencies: (_key, value) => {
        const { client } = value as { client: string };
        return [{ label: "connection is up (it is down and being healed)", key: upKey(client) }];
      },
    },
  ];
}

export function reportConnection(scheduler: Scheduler, client: string, up: boolean): void {
  scheduler.notify(up ? { key: upKey(client), value: { client } } : { key: upKey(client) });
}

import type { Connection } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import type { CrossConnector, CrossConnectSide } from "../crossconnect/api.ts";

export interface FakeCrossConnect {
  readonly client: CrossConnectSide;
  readonly server: CrossConnectSide;
  readonly connection: Connection;
}

/** A data plane that only remembers. `failWith` makes the next connect fail. */
export class FakeCrossConnector implements CrossConnector {
  readonly mechanisms: readonly string[];
  readonly tunnelIp?: string;
  readonly connected = new Map<string, FakeCrossConnect>();
  /** Calls of `connect`, refreshes included. */
  connects = 0;
  #failure: Error | undefined;

  constructor(options: { readonly mechanisms?: readonly string[]; readonly tunnelIp?: string } = {}) {
    this.mechanisms = options.mechanisms ?? ["KERNEL", "VXLAN"];
    if (options.tunnelIp !== undefined) this.tunnelIp = options.tunnelIp;
  }

  failWith(error: Error): void {
    this.#failure = error;
  }

  connect: CrossConnector["connect"] = async (connectionId, sides, connection) => {
    this.connects++;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
    for (const [side, { mechanism }] of Object.entries(sides))
      if (!this.mechanisms.includes(mechanism.type))
        throw new CodedError("UNSUPPORTED", `fake data plane has no ${mechanism.type} for the ${side} side`);
    this.connected.set(connectionId, structuredClone({ ...sides, connection }));
    return { metrics: { client_interface: interfaceOf(sides.client), server_interface: interfaceOf(sides.server) } };
  };

  disconnect: CrossConnector["disconnect"] = async (connectionId) => {
    this.connected.delete(connectionId);
  };

  list: CrossConnector["list"] = async () => [...this.connected.keys()];
}

const interfaceOf = ({ mechanism }: CrossConnectSide): string =>
  `${mechanism.type}/${mechanism.parameters.name ?? mechanism.parameters.vni ?? ""}`;

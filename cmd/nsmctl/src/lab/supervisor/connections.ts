import { create } from "@bufbuild/protobuf";
import {
  type Connection,
  ConnectionEventType,
  MonitorConnection,
  MonitorScopeSelectorSchema,
  State,
} from "@nsmkit/api/networkservice";
import type { MarkedInterface } from "./interfaces.ts";
import type { ConnectionEnd, ConnectionStatus } from "./status-types.ts";

/** All connections that a network service manager knows now. @throws CodedError UNAVAILABLE, DEADLINE_EXCEEDED */
export async function readConnections(target: string, options: { signal: AbortSignal }): Promise<Connection[]> {
  const [{ dial }, { insecureIdentity }] = await Promise.all([
    import("@nsmkit/sdk/transport"),
    import("@nsmkit/sdk/identity"),
  ]);
  const channel = dial(target, { identity: insecureIdentity({ name: "lab" }) });
  try {
    const method = MonitorConnection.method.monitorConnections;
    const events = channel.serverStream(method, create(MonitorScopeSelectorSchema), options);
    for await (const event of events)
      if (event.type === ConnectionEventType.INITIAL_STATE_TRANSFER) return Object.values(event.connections);
    return [];
  } finally {
    await channel.close();
  }
}

export interface PodInterfaces {
  readonly pod: string;
  readonly interfaces: readonly MarkedInterface[];
}

/**
 * Joins what the managers of all nodes know with the interfaces that the forwarders made. A connection that crosses
 * nodes is known to two managers; its client's segment makes it one.
 */
export function joinConnections(known: readonly Connection[], pods: readonly PodInterfaces[]): ConnectionStatus[] {
  const byClient = new Map<string, Connection[]>();
  for (const connection of known) {
    const id = connection.path?.pathSegments[0]?.id ?? connection.id;
    byClient.set(id, [...(byClient.get(id) ?? []), connection]);
  }
  return [...byClient].map(([id, views]) => {
    const longest = views.reduce((a, b) => (segments(a).length >= segments(b).length ? a : b));
    const ids = new Set(views.flatMap((view) => segments(view).map((segment) => segment.id)));
    const remote = views.find((view) => view.mechanism?.cls === "REMOTE")?.mechanism?.type;
    return {
      id,
      networkService: longest.networkService,
      payload: longest.payload,
      mechanism: remote ?? longest.mechanism?.type ?? "",
      state: State[longest.state] ?? String(longest.state),
      client: endOf("client", ids, pods),
      endpoint: endOf("server", ids, pods),
    };
  });
}

function segments(connection: Connection) {
  return connection.path?.pathSegments ?? [];
}

function endOf(side: "client" | "server", ids: ReadonlySet<string>, pods: readonly PodInterfaces[]): ConnectionEnd {
  for (const { pod, interfaces } of pods)
    for (const { name, mark, addresses } of interfaces)
      if (mark?.side === side && ids.has(mark.connectionId)) return { pod, interface: name, addresses };
  return { addresses: [] };
}

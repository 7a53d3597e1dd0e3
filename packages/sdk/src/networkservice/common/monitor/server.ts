import { State } from "@nsmkit/api/networkservice";
import { begun } from "../../../chain/begin.ts";
import { cloneConnection, connectionOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { listenDownstream } from "./downstream.ts";
import type { MonitorHub } from "./hub.ts";

/**
 * Tells watchers of every connection that was requested, failed to refresh or was closed, and passes on what
 * `client/monitor` hears from the next hop, if the chain goes on.
 */
export function monitorServer(hub: MonitorHub): NetworkServiceElement {
  return {
    name: "monitor",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      const { store, established } = begun(ctx);
      const before = established ? cloneConnection(connectionOf(request)) : undefined;
      listenDownstream(store, "monitor", ({ connection }) => hub.update(cloneConnection(connection)));
      try {
        const reply = await next.request(ctx, request);
        const connection = cloneConnection(reply);
        connection.state = State.UP;
        hub.update(connection);
        return reply;
      } catch (error) {
        if (before) {
          before.state = State.DOWN;
          hub.update(before);
        }
        throw error;
      }
    },
    async close(ctx, connection, next) {
      const gone = cloneConnection(connection);
      try {
        await next.close(ctx, connection);
      } finally {
        hub.remove(gone);
      }
    },
  };
}

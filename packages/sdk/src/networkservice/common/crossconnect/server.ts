import type { Connection } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import { closeBelow } from "../../../chain/bounded.ts";
import type { Context } from "../../../chain/context.ts";
import type { CrossConnector } from "../../../crossconnect/api.ts";
import { cloneConnection, connectionOf, currentSegment, pathOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { farMechanism } from "../mechanisms/translation/client.ts";

/**
 * Joins the caller's side with the far side once the reply has brought it. Names and counters that the data plane
 * reports go into our path segment.
 */
export function crossConnectServer(connector: Pick<CrossConnector, "connect" | "disconnect">): NetworkServiceElement {
  const join = async (ctx: Context, near: Connection, reply: Connection): Promise<void> => {
    const { id, store } = begun(ctx);
    const far = farMechanism(store);
    if (!near.mechanism || !far)
      throw new CodedError("PROTOCOL", `connection "${id}" has no mechanism on the ${far ? "caller's" : "far"} side`);
    const sides = { client: { mechanism: near.mechanism }, server: { mechanism: far } };
    const { metrics } = await connector.connect(id, sides, reply, { signal: ctx.signal });
    const segment = currentSegment(pathOf(reply));
    if (segment) segment.metrics = { ...segment.metrics, ...metrics };
  };

  return {
    name: "crossconnect",
    role: "server",
    requires: ["begin", "server/mechanisms"],
    async request(ctx, request, next) {
      const { established } = begun(ctx);
      const near = cloneConnection(connectionOf(request));
      const reply = await next.request(ctx, request);
      try {
        await join(ctx, near, reply);
      } catch (error) {
        if (!established) await closeBelow(ctx, next, cloneConnection(reply));
        throw error;
      }
      return reply;
    },
    async close(ctx, connection, next) {
      const { id } = begun(ctx);
      try {
        await connector.disconnect(id, { signal: ctx.signal });
      } finally {
        await next.close(ctx, connection);
      }
    },
  };
}

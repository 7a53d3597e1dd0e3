import type { Connection } from "@nsmkit/api/networkservice";
import type { Context } from "../../../chain/context.ts";
import type { Identity } from "../../../transport/api.ts";
import { connectionOf, currentSegment, pathOf, timestampOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { nextHop, outgoingMetadata } from "../dial/nexthop.ts";
import { writeToken } from "./metadata.ts";

/**
 * Sends a token made for the next hop, in the metadata and in our path segment. The next hop would write it into the
 * segment itself, but one that ignores the metadata still has to know when the connection ends.
 */
export function updateTokenClient(identity: Pick<Identity, "token">): NetworkServiceElement {
  const update = async (ctx: Context, connection: Connection): Promise<Context> => {
    const hop = ctx.get(nextHop);
    if (!hop) return ctx;
    const { token, expiresMs } = await identity.token(hop.peer);
    const current = currentSegment(pathOf(connection));
    if (current) Object.assign(current, { token, expires: timestampOf(expiresMs) });
    return ctx.with(outgoingMetadata, async (peer) => new Map(writeToken(await identity.token(peer))));
  };
  return {
    name: "updatetoken",
    role: "client",
    requires: ["updatepath", "dial"],
    request: async (ctx, request, next) => next.request(await update(ctx, connectionOf(request)), request),
    close: async (ctx, connection, next) => next.close(await update(ctx, connection), connection),
  };
}

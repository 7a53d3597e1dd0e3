import { NetworkService } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import type { Context } from "../../../chain/context.ts";
import type { CallOptions } from "../../../transport/api.ts";
import { connectionOf, currentSegment, pathOf } from "../../core/connection.ts";
import type { NetworkServiceHandler } from "../../core/kind.ts";
import { nextHop, outgoingFiles, outgoingMetadata } from "../dial/nexthop.ts";

/** The bottom of a chain that goes on: sends the call to the next hop and checks that the reply answers it. */
export const callNextHop: NetworkServiceHandler = {
  async request(ctx, request) {
    const hop = ctx.require(nextHop);
    const connection = connectionOf(request);
    const path = pathOf(connection);
    const { message: reply, peer } = await hop.channel.unary(NetworkService.method.request, request, options(ctx));
    hop.peer = peer;
    if (!reply.path || reply.path.pathSegments[path.index]?.id !== currentSegment(path)?.id)
      throw new CodedError("PROTOCOL", `${hop.url} answered with a path that is not of connection "${connection.id}"`);
    reply.path.index = path.index;
    reply.id = connection.id;
    return reply;
  },
  async close(ctx, connection) {
    const hop = ctx.get(nextHop);
    if (!hop) return;
    await hop.channel.unary(NetworkService.method.close, connection, options(ctx));
  },
  find: async function* () {},
};

function options(ctx: Context): CallOptions {
  const metadata = ctx.get(outgoingMetadata);
  const files = ctx.get(outgoingFiles);
  return {
    signal: ctx.signal,
    ...(metadata && { metadata }),
    ...(files && { files }),
    ...(ctx.deadlineMs !== undefined && { timeoutMs: Math.max(1, ctx.deadlineMs - ctx.clock.now()) }),
  };
}

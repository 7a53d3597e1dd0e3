import { create } from "@bufbuild/protobuf";
import { type Connection, NetworkService, PathSegmentSchema } from "@nsmkit/api/networkservice";
import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import { bounded, cleanUpTimeoutMs } from "../../../chain/bounded.ts";
import type { Context } from "../../../chain/context.ts";
import type { CallOptions, Channel } from "../../../transport/api.ts";
import { connectionOf, currentSegment, pathOf } from "../../core/connection.ts";
import type { NetworkServiceHandler } from "../../core/kind.ts";
import { nextHop, outgoingFiles, outgoingMetadata } from "../dial/nexthop.ts";

/** Names of the path segments that next hops have answered with. */
const knownNames = new WeakMap<Channel, string>();

/**
 * The bottom of a chain that goes on: sends the call to the next hop and checks that the reply answers it.
 * When it is not known whether a first request succeeded, because the call was cut, the connection is closed.
 */
export const callNextHop: NetworkServiceHandler = {
  async request(ctx, request) {
    const hop = ctx.require(nextHop);
    const connection = connectionOf(request);
    const path = pathOf(connection);
    foretell(connection, knownNames.get(hop.channel));
    try {
      const { message: reply, peer } = await hop.channel.unary(NetworkService.method.request, request, options(ctx));
      hop.peer = peer;
      if (!reply.path || reply.path.pathSegments[path.index]?.id !== currentSegment(path)?.id)
        throw new CodedError(
          "PROTOCOL",
          `${hop.url} answered with a path that is not of connection "${connection.id}"`,
        );
      const name = reply.path.pathSegments[path.index + 1]?.name;
      if (name !== undefined) knownNames.set(hop.channel, name);
      reply.path.index = path.index;
      reply.id = connection.id;
      return reply;
    } catch (error) {
      // Not waited for: a next hop that hangs must not keep the caller from trying elsewhere.
      if (!begun(ctx).established && isUncertain(error)) void closeAnyway(ctx, hop.channel, connection);
      throw error;
    }
  },
  async close(ctx, connection) {
    const hop = ctx.get(nextHop);
    if (!hop) return;
    await hop.channel.unary(NetworkService.method.close, connection, options(ctx));
  },
  find: async function* () {},
};

/**
 * Gives the next hop its id beforehand, which it takes if the segment has its name: so we can name the connection to
 * it even if its answer never comes.
 */
function foretell(connection: Connection, name: string | undefined): void {
  const { index, pathSegments } = pathOf(connection);
  if (name === undefined || pathSegments.length > index + 1) return;
  pathSegments.push(create(PathSegmentSchema, { name, id: crypto.randomUUID() }));
}

const isUncertain = (error: unknown): boolean =>
  isCodedError(error, "ABORTED") || isCodedError(error, "DEADLINE_EXCEEDED") || isCodedError(error, "UNAVAILABLE");

async function closeAnyway(ctx: Context, channel: Channel, connection: Connection): Promise<void> {
  const { index, pathSegments } = pathOf(connection);
  if (pathSegments.length <= index + 1) return;
  using time = bounded(ctx.clock, cleanUpTimeoutMs, "closing a connection that nobody answered for");
  try {
    const cleaning = options(ctx.withSignal(time.signal, time.deadlineMs));
    await channel.unary(NetworkService.method.close, connection, cleaning);
  } catch (error) {
    const reason = messageOf(error);
    ctx.logger.info("could not close a connection that nobody answered for", { connection: connection.id, reason });
  }
}

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

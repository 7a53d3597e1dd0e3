import { create } from "@bufbuild/protobuf";
import { type Connection, PathSchema, PathSegmentSchema } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { cloneConnection, connectionOf, currentSegment } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";

/** More hops than any mesh has: whoever sends more goes round in circles or means harm. */
const longestPath = 64;

/**
 * Gives the connection the id that it has at this hop, and the caller's back in the reply. The same element stands in
 * servers and clients: a program that is both owns one segment of the path.
 * Rules: networkservicemesh/sdk pkg/networkservice/common/updatepath.
 * @param name of this program's path segment
 * @param options.entrance calls come in here from other programs, so one from a program of our name is one that we
 * sent ourselves, through a next hop that leads back to us: it would wait for itself. Default false
 */
export function updatePath(name: string, options: { readonly entrance?: boolean } = {}): NetworkServiceElement {
  return {
    name: "updatepath",
    async request(ctx, request, next) {
      const connection = connectionOf(request);
      if (options.entrance && connection.path && currentSegment(connection.path)?.name === name)
        throw new CodedError(
          "INVALID_ARGUMENT",
          `connection "${connection.id}" comes to "${name}" from "${name}" itself`,
        );
      const caller = enter(connection, name);
      const reply = await next.request(ctx, request);
      if (!reply.path || reply.path.pathSegments.length <= caller.index)
        throw new CodedError("PROTOCOL", `the reply for connection "${caller.id}" lost the path of its request`);
      reply.id = caller.id;
      reply.path.index = caller.index;
      return reply;
    },
    async close(ctx, closing, next) {
      const connection = cloneConnection(closing);
      enter(connection, name);
      return next.close(ctx, connection);
    },
  };
}

/** Moves the connection onto our segment. @returns where the caller stands and the id it uses */
export function enter(connection: Connection, name: string): { readonly index: number; readonly id: string } {
  connection.path ??= create(PathSchema);
  const { path } = connection;
  const segments = path.pathSegments;
  if (segments.length > longestPath)
    throw new CodedError(
      "INVALID_ARGUMENT",
      `connection "${connection.id}" has ${segments.length} path segments, ${longestPath} are possible`,
    );
  if (segments.length === 0) {
    path.index = 0;
    connection.id ||= crypto.randomUUID();
    segments.push(create(PathSegmentSchema, { name, id: connection.id }));
    return { index: 0, id: connection.id };
  }
  const index = path.index;
  const current = segments[index];
  if (!current)
    throw new CodedError(
      "INVALID_ARGUMENT",
      `path.index ${index} of connection "${connection.id}" points behind its ${segments.length} segments`,
    );
  if (current.name === name) {
    connection.id = current.id;
    return { index, id: current.id };
  }
  if (current.id !== connection.id)
    throw new CodedError(
      "INVALID_ARGUMENT",
      `connection.id "${connection.id}" is not the id "${current.id}" of path segment ${index}`,
    );
  const next = segments[index + 1];
  if (next?.name === name) {
    connection.id = next.id;
  } else {
    connection.id = crypto.randomUUID();
    if (next) Object.assign(next, { name, id: connection.id });
    else segments.push(create(PathSegmentSchema, { name, id: connection.id }));
  }
  path.index = index + 1;
  return { index, id: current.id };
}

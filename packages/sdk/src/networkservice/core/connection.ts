import { clone, create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import {
  type Connection,
  type ConnectionContext,
  ConnectionContextSchema,
  ConnectionSchema,
  type IPContext,
  IPContextSchema,
  type NetworkServiceRequest,
  type Path,
  type PathSegment,
} from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";

/** The connection of a request. @throws INVALID_ARGUMENT if it has none */
export function connectionOf(request: NetworkServiceRequest): Connection {
  if (!request.connection)
    throw new CodedError("INVALID_ARGUMENT", "the request has no connection; set connection.network_service");
  return request.connection;
}

/** The path of a connection, with an index that points into it. @throws INVALID_ARGUMENT naming what is wrong */
export function pathOf(connection: Connection): Path {
  const { path } = connection;
  if (!path || path.index >= path.pathSegments.length)
    throw new CodedError(
      "INVALID_ARGUMENT",
      `path.index ${path?.index ?? 0} of connection "${connection.id}" points behind its ${path?.pathSegments.length ?? 0} segments`,
    );
  return path;
}

export const currentSegment = (path: Path): PathSegment | undefined => path.pathSegments[path.index];
export const previousSegment = (path: Path): PathSegment | undefined =>
  path.index > 0 ? path.pathSegments[path.index - 1] : undefined;

/** The part of a connection that elements fill, made if it is missing. */
export function contextOf(connection: Connection): ConnectionContext {
  connection.context ??= create(ConnectionContextSchema);
  return connection.context;
}

export function ipContextOf(connection: Connection): IPContext {
  const context = contextOf(connection);
  context.ipContext ??= create(IPContextSchema);
  return context.ipContext;
}

export const cloneConnection = (connection: Connection): Connection => clone(ConnectionSchema, connection);

/** Whole ms, rounded down, so that nothing lives longer than it was granted. */
export const timestampMs = (timestamp: Timestamp): number =>
  Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1e6);

export function timestampOf(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1000) * 1e6) });
}

/** Makes a request take any endpoint and any mechanism again. */
export function forgetChoice(connection: Connection, options: { readonly keepEndpoint?: boolean } = {}): void {
  connection.mechanism = undefined;
  if (!options.keepEndpoint) connection.networkServiceEndpointName = "";
}

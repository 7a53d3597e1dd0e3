import { clone, equals } from "@bufbuild/protobuf";
import {
  type ConnectionContext,
  ConnectionContextSchema,
  type NetworkServiceRequest,
} from "@nsmkit/api/networkservice";
import type { Exchange } from "../../chain/begun.ts";
import { cloneConnection } from "./connection.ts";
import type { NetworkServiceKind } from "./kind.ts";

/**
 * Joins what an application asks with what the client knows, since refresh and heal change a connection behind the
 * application's back. Compared with the reply that the application last saw, only its own changes count: another
 * endpoint name; a changed context, whole except `extra_context`, which is joined key by key; other labels.
 * Rules of networkservicemesh/sdk pkg/networkservice/common/begin; labels are ours.
 */
export function mergeRequest(
  request: NetworkServiceRequest,
  last: Exchange<NetworkServiceKind>,
): NetworkServiceRequest {
  const asked = request.connection;
  if (!asked) return request;
  const merged = cloneConnection(last.reply);
  if (asked.networkServiceEndpointName !== last.returned.networkServiceEndpointName)
    merged.networkServiceEndpointName = asked.networkServiceEndpointName;
  const context = mergeContext(asked.context, last.returned.context, merged.context);
  if (context) merged.context = context;
  if (!sameMap(asked.labels, last.returned.labels)) merged.labels = { ...asked.labels };
  merged.state = asked.state;
  return { ...request, connection: merged };
}

function mergeContext(
  asked: ConnectionContext | undefined,
  returned: ConnectionContext | undefined,
  current: ConnectionContext | undefined,
): ConnectionContext | undefined {
  if (!asked || !current) return asked ? clone(ConnectionContextSchema, asked) : current;
  if (returned && equals(ConnectionContextSchema, asked, returned)) return current;
  const merged = clone(ConnectionContextSchema, asked);
  merged.extraContext = mergeMap(asked.extraContext, returned?.extraContext ?? {}, current.extraContext);
  return merged;
}

type Text = Readonly<Record<string, string>>;

function mergeMap(asked: Text, returned: Text, current: Text): Record<string, string> {
  const merged = new Map(Object.entries(current));
  for (const name of Object.keys(returned)) if (!Object.hasOwn(asked, name)) merged.delete(name);
  for (const [name, value] of Object.entries(asked)) {
    const before = Object.hasOwn(returned, name) ? returned[name] : undefined;
    if (before !== value) merged.set(name, value);
  }
  return Object.fromEntries(merged);
}

function sameMap(left: Text, right: Text): boolean {
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length && names.every((n) => Object.hasOwn(right, n) && left[n] === right[n])
  );
}

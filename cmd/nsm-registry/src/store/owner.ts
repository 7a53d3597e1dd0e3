import type { NetworkService, NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { CodedError } from "@nsmkit/core";
import type { Context } from "@nsmkit/sdk/chain";
import { type EntryStore, pathKey, subjectOf } from "@nsmkit/sdk/registry";

/** Who registers: the identity of path segment 0, whose token the policies have checked. */
const callerOf = (ctx: Context): string => subjectOf(ctx.require(pathKey).tokens[0] ?? "");

const denied = (noun: string, name: string, caller: string): CodedError =>
  new CodedError(
    "PERMISSION_DENIED",
    `${noun} "${name}" belongs to another identity than "${caller}"; use another name, or the identity that registered it`,
  );

/**
 * A name belongs to the identity that registered it first, for as long as the registration lasts. The object says who
 * that is, so every replica knows, and a restart does not give names away.
 * Rule: networkservicemesh/sdk pkg/registry/common/authorize, policy client_allowed.
 */
export function checkEndpointOwner(ctx: Context, there: NetworkServiceEndpoint): void {
  const owner = there.pathIds[0] ?? "";
  const caller = callerOf(ctx);
  if (owner !== "" && owner !== caller) throw denied("network service endpoint", there.name, caller);
}

/**
 * A service has no lease: it belongs to its first owner while that has an endpoint of it. What Pods of a Deployment
 * register one after the other, each with an identity of its own, would else be the first Pod's for ever.
 */
export function checkServiceOwner(
  ctx: Context,
  there: NetworkService,
  endpoints: EntryStore<NetworkServiceEndpoint>,
  pattern: NetworkServiceEndpoint,
): void {
  const owner = there.pathIds[0] ?? "";
  const caller = callerOf(ctx);
  if (owner === "" || owner === caller) return;
  if (endpoints.find(pattern).some(({ pathIds }) => pathIds[0] === owner))
    throw denied("network service", there.name, caller);
}

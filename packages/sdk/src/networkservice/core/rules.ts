import { clone, create } from "@bufbuild/protobuf";
import { MechanismSchema, NetworkServiceRequestSchema, State } from "@nsmkit/api/networkservice";
import { type Begin, type BeginOptions, begin } from "../../chain/begin.ts";
import type { BeginRules } from "../../chain/begun.ts";
import { cloneConnection, connectionOf, forgetChoice } from "./connection.ts";
import type { NetworkServiceKind } from "./kind.ts";
import { mergeRequest } from "./merge.ts";

const common: BeginRules<NetworkServiceKind> = {
  requestId: (request) => connectionOf(request).id,
  closingId: (connection) => connection.id,
  // The connection of a repeated request comes from the reply, so only the preferences are worth keeping.
  copyRequest: (request) =>
    create(NetworkServiceRequestSchema, {
      mechanismPreferences: request.mechanismPreferences.map((preference) => clone(MechanismSchema, preference)),
    }),
  copyReply: cloneConnection,
  closing: (last) => cloneConnection(last.reply),
  again: (last, { reselect }) => {
    const connection = cloneConnection(last.reply);
    connection.state = reselect ? State.RESELECT_REQUESTED : State.UP;
    if (reselect) forgetChoice(connection);
    return create(NetworkServiceRequestSchema, {
      connection,
      mechanismPreferences: last.request.mechanismPreferences.map((preference) => clone(MechanismSchema, preference)),
    });
  },
  succeeded: (reply) => {
    reply.state = State.UP;
  },
};

/**
 * `begin` of a chain that serves others: a request for a known id is taken as it came, and one that asks for
 * reselection first closes what stands.
 * @param options.passesOn a close that we know nothing of, perhaps since we started anew, still goes on along its path:
 * what stands further down would stay until its tokens end. Default false
 */
export function beginServer(options: BeginOptions & { readonly passesOn?: boolean } = {}): Begin<NetworkServiceKind> {
  const startsOver: BeginRules<NetworkServiceKind>["startsOver"] = (request) =>
    request.connection?.state === State.RESELECT_REQUESTED;
  return begin({ ...common, startsOver, unknownClose: options.passesOn ? "try" : "ignore" }, options);
}

/** `begin` of a chain that starts connections: a request for a known id is joined with what the chain knows. */
export function beginClient(
  options: BeginOptions & {
    /** Keep the endpoint when reselecting, and only let the way to it be chosen anew; default false. */
    readonly keepEndpoint?: boolean;
  } = {},
): Begin<NetworkServiceKind> {
  const { keepEndpoint = false } = options;
  const again: BeginRules<NetworkServiceKind>["again"] = (last, { reselect }) => {
    const request = common.again(last, { reselect });
    if (keepEndpoint && request.connection)
      request.connection.networkServiceEndpointName = last.reply.networkServiceEndpointName;
    return request;
  };
  return begin({ ...common, again, merge: mergeRequest }, options);
}

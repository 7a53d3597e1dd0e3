import type { Connection } from "@nsmkit/api/networkservice";
import type { Context } from "../../../chain/context.ts";
import { connectionOf, pathOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { checkPolicies, type Policy, serverPolicies } from "./policies.ts";

/**
 * Lets only those through whose tokens, up to ours, hold. Calls that nobody sent (an expiry, a heal) are our own.
 * For chains with a SPIFFE identity; in insecure mode there is nothing to check against.
 */
export function authorizeServer(policies: readonly Policy[] = serverPolicies): NetworkServiceElement {
  const check = (ctx: Context, connection: Connection): void => {
    if (!ctx.call) return;
    const { index, pathSegments } = pathOf(connection);
    const segments = pathSegments.slice(0, index + 1);
    checkPolicies(policies, { segments, index, certificate: ctx.call.peer.certificate, nowMs: ctx.clock.now() });
  };
  return {
    name: "authorize",
    role: "server",
    requires: ["server/updatetoken"],
    request: async (ctx, request, next) => {
      check(ctx, connectionOf(request));
      return next.request(ctx, request);
    },
    close: async (ctx, connection, next) => {
      check(ctx, connection);
      return next.close(ctx, connection);
    },
  };
}

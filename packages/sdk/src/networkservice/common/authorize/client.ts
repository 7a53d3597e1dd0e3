import { begun } from "../../../chain/begin.ts";
import { closeBelow } from "../../../chain/bounded.ts";
import { cloneConnection, pathOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { nextHop } from "../dial/nexthop.ts";
import { checkPolicies, clientPolicies, type Policy } from "./policies.ts";

/** Refuses a reply whose path does not hold, from us to the endpoint, and closes what it answered for. */
export function authorizeClient(policies: readonly Policy[] = clientPolicies): NetworkServiceElement {
  return {
    name: "authorize",
    role: "client",
    requires: ["begin", "dial"],
    async request(ctx, request, next) {
      const { established } = begun(ctx);
      const reply = await next.request(ctx, request);
      const { index, pathSegments } = pathOf(reply);
      const { certificate } = ctx.require(nextHop).peer;
      try {
        checkPolicies(policies, { segments: pathSegments, index, certificate, nowMs: ctx.clock.now() });
      } catch (error) {
        if (!established) await closeBelow(ctx, next, cloneConnection(reply));
        throw error;
      }
      return reply;
    },
  };
}

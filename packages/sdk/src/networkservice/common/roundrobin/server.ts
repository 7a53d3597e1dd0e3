import { clone } from "@bufbuild/protobuf";
import { NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { CodedError, messageOf } from "@nsmkit/core";
import { connectionOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { nextUrl } from "../dial/nexthop.ts";
import { candidates } from "../discover/server.ts";

/**
 * Takes the candidates in turn, a turn per network service, and goes on to the next when one fails. The weights of
 * routes play no part, as upstream.
 */
export function roundRobinServer(): NetworkServiceElement {
  const turns = new Map<string, number>();
  return {
    name: "roundrobin",
    role: "server",
    requires: ["discover"],
    async request(ctx, request, next) {
      const found = ctx.get(candidates);
      if (!found) return next.request(ctx, request);
      const { service, endpoints } = found;
      const failures: string[] = [];
      let cause: unknown;
      for (let tries = 0; tries < endpoints.length; tries++) {
        const turn = turns.get(service.name) ?? 0;
        turns.set(service.name, (turn + 1) % Number.MAX_SAFE_INTEGER);
        const endpoint = endpoints[turn % endpoints.length];
        if (!endpoint) continue;
        // The last attempt may have the message itself.
        const attempt = tries + 1 < endpoints.length ? clone(NetworkServiceRequestSchema, request) : request;
        connectionOf(attempt).networkServiceEndpointName = endpoint.name;
        try {
          return await next.request(ctx.with(nextUrl, endpoint.url), attempt);
        } catch (error) {
          if (endpoints.length === 1 || ctx.signal.aborted) throw error;
          cause = error;
          failures.push(`${endpoint.name}: ${messageOf(error)}`);
          ctx.logger.warn("an endpoint refused", { endpoint: endpoint.name, reason: messageOf(error) });
        }
      }
      throw new CodedError(
        "UNAVAILABLE",
        `every endpoint of network service "${service.name}" failed: ${failures.join("; ")}`,
        { cause },
      );
    },
  };
}

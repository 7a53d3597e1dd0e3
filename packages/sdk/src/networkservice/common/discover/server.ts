import type { NetworkService, NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { CodedError, messageOf } from "@nsmkit/core";
import type { Context } from "../../../chain/context.ts";
import { key } from "../../../chain/key.ts";
import { matchEndpoints } from "../../../registry/match/index.ts";
import { connectionOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { nextUrl } from "../dial/nexthop.ts";
import type { Discovery } from "./port.ts";

export interface Candidates {
  readonly service: NetworkService;
  /** Never empty; an endpoint that two routes name stands in it twice. */
  readonly endpoints: readonly NetworkServiceEndpoint[];
}

/** Endpoints that may serve the request, for `roundrobin`; absent when the endpoint is fixed already. */
export const candidates = key<Candidates>("candidates");

/**
 * Finds who can serve a request. A connection that names its endpoint goes to that one and nowhere else, whatever the
 * service's matches say; otherwise the matches give the candidates, and the service gives the payload.
 * A close goes on when the endpoint cannot be found: what is held here has to be let go.
 */
export function discoverServer(
  discovery: Pick<Discovery, "networkService" | "endpoints" | "endpoint">,
): NetworkServiceElement {
  return {
    name: "discover",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      if (ctx.get(nextUrl) !== undefined) return next.request(ctx, request);
      const connection = connectionOf(request);
      const fixed = connection.networkServiceEndpointName;
      if (fixed !== "") return next.request(ctx.with(nextUrl, await urlOf(ctx, fixed)), request);
      const service = await serviceOf(discovery, ctx, connection.networkService, connection.payload);
      const offered = await discovery.endpoints(service.name, { signal: ctx.signal });
      const endpoints = matchEndpoints(connection.labels, service, offered);
      if (endpoints.length === 0)
        throw new CodedError(
          "NOT_FOUND",
          offered.length === 0
            ? `nobody offers network service "${service.name}"`
            : `none of the ${offered.length} endpoints of network service "${service.name}" fits the client's labels`,
          { retryable: true },
        );
      connection.payload = service.payload;
      return next.request(ctx.with(candidates, { service, endpoints }), request);
    },
    async close(ctx, connection, next) {
      const name = connection.networkServiceEndpointName;
      if (ctx.get(nextUrl) !== undefined || name === "") return next.close(ctx, connection);
      const url = await urlOf(ctx, name).catch((error: unknown) => {
        ctx.logger.info("closing at an endpoint that is not registered", {
          connection: connection.id,
          reason: messageOf(error),
        });
        return undefined;
      });
      return next.close(url === undefined ? ctx : ctx.with(nextUrl, url), connection);
    },
  };

  async function urlOf(ctx: Context, name: string): Promise<string> {
    const endpoint = await discovery.endpoint(name, { signal: ctx.signal });
    if (!endpoint)
      throw new CodedError("NOT_FOUND", `network service endpoint "${name}" is not registered`, { retryable: true });
    return endpoint.url;
  }
}

/** @throws NOT_FOUND if nobody has registered the service, or only with another payload than asked for */
export async function serviceOf(
  discovery: Pick<Discovery, "networkService">,
  ctx: Context,
  name: string,
  payload: string,
): Promise<NetworkService> {
  if (name === "") throw new CodedError("INVALID_ARGUMENT", "the request names no network service");
  const service = await discovery.networkService(name, { signal: ctx.signal });
  if (!service) throw new CodedError("NOT_FOUND", `network service "${name}" is not registered`, { retryable: true });
  if (payload !== "" && payload !== service.payload)
    throw new CodedError("NOT_FOUND", `network service "${name}" has payload ${service.payload}, not ${payload}`);
  return service;
}

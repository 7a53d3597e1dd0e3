import type { Route } from "@nsmkit/api/linux";
import { isAllocReference } from "../netalloc/reference.ts";

/**
 * Marks routes in the kernel as ours (rtm_protocol, linux/rtnetlink.h; numbers from 64 on are free for daemons). Not
 * the data plane's 78: a forwarder that starts again removes what carries its number and it does not know.
 */
export const routeProtocol = 79;

/** Where a route is when its interface is not configured (yet) and cannot tell: set for leftovers only. */
export interface RouteMetadata {
  readonly namespaceId: string;
  readonly index: number;
  readonly table: number;
}

/** IPv6 has 1024 where nothing is given (IP6_RT_PRIO_USER of net/ip6_route.h). */
export function metricOf(value: Route): number {
  return value.metric || (value.dstNetwork.includes(":") && !isAllocReference(value.dstNetwork) ? 1024 : 0);
}

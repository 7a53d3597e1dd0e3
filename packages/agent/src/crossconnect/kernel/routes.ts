/** Routes of a connection context (networkservicemesh/api, networkservice/ipcontext_helpers.go). */
import type { Route } from "@nsmkit/api/networkservice";
import type { RoutePlan } from "./interface-plan.ts";
import { invalid } from "./invalid.ts";
import { canonicalAddress, familyOf, type Prefix, parsePrefix, prefixContains } from "./prefix.ts";

/** One route per destination: those that reach the far side itself, then those asked for, which win. */
export function planRoutes(
  connectionId: string,
  field: string,
  asked: readonly Route[],
  own: readonly Prefix[],
  opposite: readonly Prefix[],
): RoutePlan[] {
  const byDestination = new Map<string, RoutePlan>();
  for (const far of opposite) {
    if (!own.some((near) => prefixContains(near, far))) byDestination.set(far.network, { destination: far.network });
  }
  for (const route of asked) {
    const { plan } = planRoute(connectionId, field, route.prefix, route.nextHop, opposite);
    byDestination.set(plan.destination, plan);
  }
  return [...byDestination.values()];
}

/** Without a next hop the far end is the gateway, unless the prefix lies in its own network and it answers by itself. */
export function planRoute(
  connectionId: string,
  field: string,
  prefix: string,
  nextHop: string,
  opposite: readonly Prefix[],
): { readonly family: 4 | 6; readonly plan: RoutePlan } {
  const to = parsePrefix(prefix, `connection ${connectionId}: ${field} prefix`);
  const destination = to.network;
  if (nextHop !== "") {
    const gateway = canonicalAddress(nextHop);
    if (gateway === undefined || familyOf(gateway) !== to.family) {
      throw invalid(connectionId, `${field} nextHop`, nextHop, `write an IPv${to.family} address like ${prefix}'s`);
    }
    return { family: to.family, plan: { destination, gateway } };
  }
  const gateway = opposite.find((far) => far.family === to.family)?.address;
  if (gateway === undefined || opposite.some((far) => prefixContains(far, to))) {
    return { family: to.family, plan: { destination } };
  }
  return { family: to.family, plan: { destination, gateway } };
}

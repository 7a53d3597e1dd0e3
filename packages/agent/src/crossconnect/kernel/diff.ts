/** From one plan of an interface to another as netlink requests. */
import {
  addrDelete,
  addrReplace,
  formatCidr,
  linkSet,
  maskCidr,
  type NewRoute,
  type NewRule,
  neighDelete,
  neighReplace,
  type Op,
  parseCidr,
  routeDelete,
  routeReplace,
  ruleAdd,
  ruleDelete,
  sysctlSet,
} from "@nsmkit/netlink";
import { type InterfacePlan, type PolicyPlan, type RoutePlan, selectorKey } from "./interface-plan.ts";
import { familyOf } from "./prefix.ts";

/** RTPROT_ / FRA_PROTOCOL of our routes and rules ("N"): what carries another number is not ours to remove. */
export const ourProtocol = 78;

export const setIpv6 = (link: string, on: boolean): Op =>
  sysctlSet(`net/ipv6/conf/${link}/disable_ipv6`, on ? "0" : "1");

/** What `of` has and `others` has not. */
function missing<T>(of: readonly T[], others: readonly T[], key: (value: T) => string): T[] {
  if (of.length === 0) return [];
  const known = new Set(others.map(key));
  return of.filter((value) => !known.has(key(value)));
}

const text = (value: unknown): string => JSON.stringify(value);

const routeOf = (link: string, route: RoutePlan, table?: number): NewRoute => ({
  destination: route.destination,
  link,
  protocol: ourProtocol,
  ...(route.gateway === undefined ? {} : { gateway: route.gateway, onlink: true }),
  ...(table === undefined ? {} : { table }),
});

export const replaceRoute = (link: string, route: RoutePlan): Op => routeReplace(routeOf(link, route));

const ruleOf = ({ selector, table }: PolicyPlan): NewRule => ({ ...selector, table, protocol: ourProtocol });

const policyKey = ({ selector, table }: PolicyPlan): string => `${table};${selectorKey(selector)}`;

/**
 * The requests that turn `before` into `after`: what goes is removed first, routes before the addresses they stand on;
 * what comes is added the other way round. What stays is not touched, and what changes is replaced in place.
 */
export function diff(before: InterfacePlan, after: InterfacePlan): Op[] {
  const link = after.name;
  const ops: Op[] = [];
  for (const policy of missing(before.policies, after.policies, policyKey)) {
    ops.push(ruleDelete(ruleOf(policy)));
    for (const route of policy.routes) ops.push(routeDelete(routeOf(link, route, policy.table)));
  }
  const goneRoutes = missing(before.routes, after.routes, (route) => route.destination);
  for (const route of goneRoutes) ops.push(routeDelete(routeOf(link, route)));
  for (const { ip } of missing(before.neighbors, after.neighbors, (neighbor) => neighbor.ip)) {
    ops.push(neighDelete({ link, address: ip }));
  }
  if (after.mtu !== undefined && after.mtu !== before.mtu) ops.push(linkSet(link, { mtu: after.mtu }));
  if (after.ipv6 && !before.ipv6) ops.push(setIpv6(link, true));
  const disturbed = replaceAddresses(ops, link, before.addresses, after.addresses);
  for (const { ip, mac } of missing(after.neighbors, before.neighbors, text)) {
    ops.push(neighReplace({ link, address: ip, mac, state: "permanent" }));
  }
  for (const route of disturbed ? after.routes : missing(after.routes, before.routes, text)) {
    ops.push(routeReplace(routeOf(link, route)));
  }
  const knownPolicies = new Map(before.policies.map((policy) => [policyKey(policy), policy]));
  for (const policy of after.policies) {
    const { table, routes } = policy;
    const old = knownPolicies.get(policyKey(policy))?.routes ?? [];
    for (const route of missing(old, routes, (r) => r.destination)) ops.push(routeDelete(routeOf(link, route, table)));
    for (const route of disturbed ? routes : missing(routes, old, text)) {
      ops.push(routeReplace(routeOf(link, route, table)));
    }
    if (!knownPolicies.has(policyKey(policy))) ops.push(ruleAdd(ruleOf(policy)));
  }
  return ops;
}

/**
 * New addresses come before old ones go, because with its last address an interface loses its routes. An old one that
 * a new one takes the place of, by address or by network, has to go first: the kernel makes the second address of an
 * IPv4 network depend on the first, and has an IPv6 address only once (promote_secondaries, ip-sysctl.rst).
 * @returns whether an address went, which may have taken routes along: what shall stay is then said again
 */
function replaceAddresses(ops: Op[], link: string, before: readonly string[], after: readonly string[]): boolean {
  const gone = missing(before, after, String);
  const spots = new Set(after.flatMap(spotsOf));
  const first = gone.filter((address) => spotsOf(address).some((spot) => spots.has(spot)));
  const freed = new Set(first.flatMap(spotsOf));
  const known = new Set(before);
  const added = after.filter((address) => !known.has(address) || spotsOf(address).some((spot) => freed.has(spot)));
  for (const address of first) ops.push(addrDelete({ link, address }));
  // Many images switch it off by default.
  if (added.some((address) => familyOf(address) === 6)) {
    ops.push(setIpv6(link, true));
  }
  for (const address of added) {
    // Nobody else is on the link, and duplicate address detection would cost more than a second.
    ops.push(addrReplace({ link, address, ...(familyOf(address) === 6 ? { nodad: true } : {}) }));
  }
  for (const address of gone) if (!first.includes(address)) ops.push(addrDelete({ link, address }));
  return gone.length > 0;
}

/** The address without its length, and its network. */
const spotsOf = (cidr: string): string[] => [cidr.slice(0, cidr.indexOf("/")), formatCidr(maskCidr(parseCidr(cidr)))];

/** Rules name no link, so they stay when it goes: the requests that remove an interface's. */
export const ruleRemovals = (plan: InterfacePlan): Op[] => plan.policies.map((policy) => ruleDelete(ruleOf(policy)));

/** From what a connection asks of a namespace to netlink requests. Every request is a "replace", so a repeat is no error. */
import {
  addrDelete,
  addrReplace,
  linkSet,
  neighDelete,
  neighReplace,
  type Op,
  routeDelete,
  routeReplace,
  ruleAdd,
  ruleDelete,
  sysctlSet,
} from "@nsmkit/netlink";
import type { InterfacePlan, PolicyPlan, RoutePlan } from "./plan.ts";
import { familyOf } from "./prefix.ts";

/** Routing tables that policies of one interface got, by policy identity. */
export type PolicyTables = ReadonlyMap<string, number>;

const nothing: Pick<InterfacePlan, "addresses" | "routes" | "neighbors" | "policies"> = {
  addresses: [],
  routes: [],
  neighbors: [],
  policies: [],
};

function addRoute(link: string, route: RoutePlan, table?: number): Op {
  const base = { destination: route.destination, link, ...(table === undefined ? {} : { table }) };
  return routeReplace(route.gateway === undefined ? base : { ...base, gateway: route.gateway, onlink: true });
}

const rule = (policy: PolicyPlan, table: number) => ({
  family: policy.family,
  table,
  ...(policy.from === undefined ? {} : { from: policy.from }),
  ...(policy.ipProto === undefined ? {} : { ipProto: policy.ipProto }),
  ...(policy.sourcePorts ? { sourcePorts: policy.sourcePorts } : {}),
  ...(policy.destinationPorts ? { destinationPorts: policy.destinationPorts } : {}),
});

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * The requests that turn `before` (nothing, for a new interface) into `plan`: what goes is removed first, routes before
 * the addresses they stand on, what comes is added the other way round.
 */
export function updateOps(
  before: InterfacePlan | undefined,
  plan: InterfacePlan,
  tables: { readonly before: PolicyTables; readonly after: PolicyTables },
): Op[] {
  const link = plan.name;
  const old = before ?? nothing;
  const gone = <T>(from: readonly T[], to: readonly T[]): T[] => from.filter((a) => !to.some((b) => same(a, b)));
  const ops: Op[] = [];
  for (const policy of gone(old.policies, plan.policies)) {
    const table = tables.before.get(policy.identity);
    if (table === undefined) continue;
    ops.push(ruleDelete(rule(policy, table)));
    for (const route of policy.routes) ops.push(routeDelete({ destination: route.destination, link, table }));
  }
  const keptDestinations = new Set(plan.routes.map((route) => route.destination));
  for (const route of old.routes) {
    // A route to a kept destination is replaced in place below, so that no packet finds none.
    if (!keptDestinations.has(route.destination)) ops.push(routeDelete({ destination: route.destination, link }));
  }
  for (const neighbor of old.neighbors) {
    if (!plan.neighbors.some((n) => n.ip === neighbor.ip)) ops.push(neighDelete({ link, address: neighbor.ip }));
  }
  for (const address of gone(old.addresses, plan.addresses)) ops.push(addrDelete({ link, address }));

  if (before && before.mtu !== plan.mtu && plan.mtu !== undefined) ops.push(linkSet(link, { mtu: plan.mtu }));
  const added = gone(plan.addresses, old.addresses);
  if (added.some((address) => familyOf(address) === 6)) {
    ops.push(sysctlSet(`net/ipv6/conf/${link}/disable_ipv6`, "0"));
  }
  for (const address of added) ops.push(addrReplace({ link, address, nodad: familyOf(address) === 6 }));
  for (const neighbor of gone(plan.neighbors, old.neighbors)) {
    ops.push(neighReplace({ link, address: neighbor.ip, mac: neighbor.mac, state: "permanent" }));
  }
  for (const route of gone(plan.routes, old.routes)) ops.push(addRoute(link, route));
  for (const policy of gone(plan.policies, old.policies)) {
    const table = tables.after.get(policy.identity);
    if (table === undefined) continue;
    for (const route of policy.routes) ops.push(addRoute(link, route, table));
    ops.push(ruleAdd(rule(policy, table)));
  }
  return ops;
}

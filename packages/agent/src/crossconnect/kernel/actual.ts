/** What stands in the kernel for a connection's ends, in the terms of a plan. */
import {
  type Addr,
  addrList,
  formatCidr,
  type Link,
  linkGet,
  linkList,
  maskCidr,
  type Neigh,
  type Netlink,
  neighList,
  type OpResult,
  parseCidr,
  type Route,
  type Rule,
  routeList,
  ruleList,
} from "@nsmkit/netlink";
import { ourProtocol } from "./diff.ts";
import type { InterfacePlan, PolicySelector, RoutePlan } from "./interface-plan.ts";
import { isPolicyTable } from "./tables.ts";
import { isMarked, type LocalEnd, type Wiring } from "./wiring.ts";

/** Looks for the ends' links by name. @returns in the order of the ends; undefined where there is none */
export async function findLinks(netlink: Netlink, ends: readonly LocalEnd[]): Promise<(Link | undefined)[]> {
  const results = await netlink.execute(
    ends.map(({ netns, plan }) => ({ netns, ops: [linkGet(plan.name)] })),
    { onError: "continue" },
  );
  return ends.map((_, i) => valueIn<Link>(results[i]?.[0]));
}

/** Looks for the wiring's links by their marks, whatever they are called. @returns as `findLinks` */
export async function findMarked(netlink: Netlink, wiring: Wiring): Promise<(Link | undefined)[]> {
  const results = await netlink.execute(
    wiring.ends.map(({ netns }) => ({ netns, ops: [linkList()] })),
    { onError: "continue" },
  );
  return wiring.ends.map((_, i) =>
    valueIn<readonly Link[]>(results[i]?.[0])?.find((link) => isMarked(wiring, i, link)),
  );
}

/**
 * Reads interfaces that exist. Routes and rules of others are left out. Addresses and neighbours have no owner in the
 * kernel: while all planned ones are there the rest counts as somebody else's, otherwise all count as ours.
 * @param attempted what else was asked of these ends lately: its addresses and neighbours are ours in any case
 */
export async function readActual(
  netlink: Netlink,
  ends: readonly LocalEnd[],
  attempted: readonly LocalEnd[] = [],
): Promise<InterfacePlan[]> {
  const results = await netlink.execute(
    ends.map(({ netns, plan: { name: link } }) => ({
      netns,
      ops: [
        linkGet(link),
        addrList({ link }),
        routeList({ link, protocol: ourProtocol }),
        neighList({ link }),
        ruleList(),
      ],
    })),
  );
  return ends.map((end, i) => {
    const [link, addresses, routes, neighbors, rules] = results[i] ?? [];
    return interpret(end, attempted[i]?.plan, {
      link: must<Link>(link),
      addresses: must<readonly Addr[]>(addresses),
      routes: must<readonly Route[]>(routes),
      neighbors: must<readonly Neigh[]>(neighbors),
      rules: must<readonly Rule[]>(rules),
    });
  });
}

interface Read {
  readonly link: Link;
  readonly addresses: readonly Addr[];
  readonly routes: readonly Route[];
  readonly neighbors: readonly Neigh[];
  readonly rules: readonly Rule[];
}

/** RT_TABLE_MAIN (linux/rtnetlink.h). */
const mainTable = 254;

function interpret(end: LocalEnd, attempted: InterfacePlan | undefined, read: Read): InterfacePlan {
  const global = read.addresses.filter((address) => address.scope === "global").map((address) => address.address);
  const permanent = read.neighbors.flatMap(({ address: ip, mac, state }) =>
    state === "permanent" && mac !== undefined ? [{ ip, mac }] : [],
  );
  const byTable = Map.groupBy(read.routes, (route) => route.table);
  const planned = new Set(end.plan.policies.map(({ table }) => table));
  // A rule stays when its link goes, so one of a planned table may be there without routes.
  const rules = read.rules.filter(
    ({ protocol, table }) =>
      protocol === ourProtocol && isPolicyTable(table) && (planned.has(table) || byTable.has(table)),
  );
  return {
    name: end.plan.name,
    mtu: read.link.mtu,
    ipv6: end.plan.ipv6,
    addresses: ours(end.plan.addresses, attempted?.addresses, global, String),
    routes: (byTable.get(mainTable) ?? []).map(routePlanOf),
    neighbors: ours(end.plan.neighbors, attempted?.neighbors, permanent, ({ ip, mac }) => `${ip} ${mac}`),
    policies: rules.map((rule) => ({
      selector: selectorOf(rule),
      table: rule.table,
      routes: (byTable.get(rule.table) ?? []).map(routePlanOf),
    })),
  };
}

function ours<T>(
  planned: readonly T[],
  attempted: readonly T[] | undefined,
  found: readonly T[],
  key: (value: T) => string,
): readonly T[] {
  const there = new Set(found.map(key));
  if (!planned.every((value) => there.has(key(value)))) return found;
  const mine = new Set([...planned, ...(attempted ?? [])].map(key));
  return found.filter((value) => mine.has(key(value)));
}

function routePlanOf({ destination, family, gateway }: Route): RoutePlan {
  const all = family === 6 ? "::/0" : "0.0.0.0/0";
  return {
    destination: destination === "default" ? all : destination,
    ...(gateway === undefined ? {} : { gateway }),
  };
}

function selectorOf(rule: Rule): PolicySelector {
  return {
    family: rule.family,
    ...(rule.from === undefined ? {} : { from: formatCidr(maskCidr(parseCidr(rule.from))) }),
    ...(rule.ipProto === undefined ? {} : { ipProto: rule.ipProto }),
    ...(rule.sourcePorts ? { sourcePorts: rule.sourcePorts } : {}),
    ...(rule.destinationPorts ? { destinationPorts: rule.destinationPorts } : {}),
  };
}

const valueIn = <T>(result: OpResult | undefined): T | undefined => (result?.ok ? (result.value as T) : undefined);

function must<T>(result: OpResult | undefined): T {
  if (result?.ok) return result.value as T;
  throw result?.error;
}

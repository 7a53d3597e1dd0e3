import { create } from "@bufbuild/protobuf";
import { type IPContext, type Route, RouteSchema, State } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import { key } from "../../../chain/key.ts";
import { connectionOf, ipContextOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { formatAddress, type Prefix, parsePrefix } from "../../core/prefix.ts";
import { AddressPool, Exclusions } from "./pool.ts";

export interface PointToPointIpamOptions {
  /** Each group gives every connection one pair of addresses, from its first CIDR that has two free ones. */
  readonly groups: readonly (readonly string[])[];
  /** Drops addresses outside the CIDRs that a client asks for; default false (upstream's IPAM policy "polite"). */
  readonly strict?: boolean;
}

interface Pair {
  readonly pool: AddressPool;
  readonly src: Prefix;
  readonly dst: Prefix;
}

/**
 * Gives every connection two addresses per group: the lower one to the endpoint, the other to the client, each as a
 * single-address prefix, with routes to each other. The pair stays while the connection lives; addresses that the
 * client excludes later are replaced. A client that comes with addresses, after our restart, gets those if they are
 * free; one that comes because it lost its endpoint keeps no others, for they were the former endpoint's.
 * Rules: networkservicemesh/sdk pkg/networkservice/ipam/point2pointipam, groupipam and strictipam.
 * @throws INVALID_ARGUMENT for a CIDR that is none or a group without any
 */
export function pointToPointIpam(options: PointToPointIpamOptions): NetworkServiceElement {
  const groups = options.groups.map((cidrs) => cidrs.map((cidr) => new AddressPool(cidr)));
  if (groups.length === 0 || groups.some((pools) => pools.length === 0))
    throw new CodedError("INVALID_ARGUMENT", "IPAM needs at least one CIDR in every group");
  const pairsKey = key<Map<number, Pair>>("addresses", (pairs) => {
    for (const pair of pairs.values()) giveBack(pair);
  });
  const exclusionsOf = remember((texts) => new Exclusions(texts));

  return {
    name: "ipam",
    role: "server",
    requires: ["begin"],
    request(ctx, request, next) {
      const connection = connectionOf(request);
      const ipContext = ipContextOf(connection);
      const excluded = exclusionsOf(ipContext.excludedPrefixes);
      const { store } = begun(ctx);
      const pairs = store.get(pairsKey) ?? new Map<number, Pair>();
      store.set(pairsKey, pairs);
      if (options.strict) dropForeign(ipContext, groups.flat());
      for (const [group, pools] of groups.entries()) {
        const old = pairs.get(group);
        if (old && (excluded.has(old.src) || excluded.has(old.dst))) {
          pairs.delete(group);
          withdraw(ipContext, old);
          giveBack(old);
        }
        const pair = pairs.get(group) ?? recover(pools, ipContext, excluded) ?? allocate(pools, excluded);
        pairs.set(group, pair);
        enter(ipContext, pair);
      }
      if (connection.state === State.RESELECT_REQUESTED) dropAllBut(ipContext, [...pairs.values()]);
      return next.request(ctx, request);
    },
    async close(ctx, connection, next) {
      try {
        await next.close(ctx, connection);
      } finally {
        for (const pair of begun(ctx).store.take(pairsKey)?.values() ?? []) giveBack(pair);
      }
    },
  };
}

function allocate(pools: readonly AddressPool[], excluded: Exclusions): Pair {
  for (const pool of pools) {
    const dst = pool.take(excluded);
    const src = dst && pool.take(excluded);
    if (dst && src) return { pool, src, dst };
    if (dst) pool.free(dst);
  }
  throw new CodedError(
    "RESOURCE_EXHAUSTED",
    `no two free addresses in ${pools.map(({ cidr }) => cidr).join(", ")}; give the endpoint a larger CIDR`,
  );
}

/** Of what a stranger sends no more than this is looked at. */
const mostAddresses = 32;

function recover(pools: readonly AddressPool[], ipContext: IPContext, excluded: Exclusions): Pair | undefined {
  const wanted = (texts: readonly string[]): Prefix[] =>
    texts.slice(0, mostAddresses).flatMap((text) => parsePrefix(text) ?? []);
  for (const pool of pools) {
    const src = wanted(ipContext.srcIpAddrs).find((address) => pool.claim(address, excluded));
    const dst = src && wanted(ipContext.dstIpAddrs).find((address) => pool.claim(address, excluded));
    if (src && dst) return { pool, src, dst };
    if (src) pool.free(src);
  }
  return undefined;
}

function giveBack({ pool, src, dst }: Pair): void {
  pool.free(src);
  pool.free(dst);
}

function enter(ipContext: IPContext, pair: Pair): void {
  const src = formatAddress(pair.src);
  const dst = formatAddress(pair.dst);
  addText(ipContext.srcIpAddrs, src);
  addText(ipContext.dstIpAddrs, dst);
  addRoute(ipContext.srcRoutes, dst);
  addRoute(ipContext.dstRoutes, src);
}

function withdraw(ipContext: IPContext, pair: Pair): void {
  dropSource(ipContext, formatAddress(pair.src));
  dropDestination(ipContext, formatAddress(pair.dst));
}

function dropForeign(ipContext: IPContext, pools: readonly AddressPool[]): void {
  const foreign = (text: string): boolean => {
    const address = parsePrefix(text);
    return !address || !pools.some((pool) => pool.contains(address));
  };
  for (const text of ipContext.srcIpAddrs.filter(foreign)) dropSource(ipContext, text);
  for (const text of ipContext.dstIpAddrs.filter(foreign)) dropDestination(ipContext, text);
}

function dropAllBut(ipContext: IPContext, pairs: readonly Pair[]): void {
  const ours = new Set(pairs.flatMap(({ src, dst }) => [formatAddress(src), formatAddress(dst)]));
  for (const text of ipContext.srcIpAddrs.filter((each) => !ours.has(each))) dropSource(ipContext, text);
  for (const text of ipContext.dstIpAddrs.filter((each) => !ours.has(each))) dropDestination(ipContext, text);
}

function dropSource(ipContext: IPContext, address: string): void {
  ipContext.srcIpAddrs = ipContext.srcIpAddrs.filter((each) => each !== address);
  ipContext.dstRoutes = ipContext.dstRoutes.filter(({ prefix }) => prefix !== address);
}

function dropDestination(ipContext: IPContext, address: string): void {
  ipContext.dstIpAddrs = ipContext.dstIpAddrs.filter((each) => each !== address);
  ipContext.srcRoutes = ipContext.srcRoutes.filter(({ prefix }) => prefix !== address);
}

function addText(texts: string[], text: string): void {
  if (!texts.includes(text)) texts.push(text);
}

function addRoute(routes: Route[], prefix: string): void {
  if (!routes.some((route) => route.prefix === prefix)) routes.push(create(RouteSchema, { prefix }));
}

/** Every client of a cluster excludes the same prefixes, so the last few sets are kept. */
function remember<T>(make: (texts: readonly string[]) => T): (texts: readonly string[]) => T {
  const kept = new Map<string, T>();
  return (texts) => {
    const name = texts.join(" ");
    const known = kept.get(name);
    if (known !== undefined) return known;
    const made = make(texts);
    if (kept.size >= 16) kept.clear();
    kept.set(name, made);
    return made;
  };
}

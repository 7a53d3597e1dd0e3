import type { NextHop, Route } from "../api/objects.ts";
import type { NewRoute, RouteFilter } from "../api/ops.ts";
import { type Family, formatCidr, formatIp, parseCidr, parseIp } from "../names/ip.ts";
import { removeRoute } from "./connected-routes.ts";
import { type NamespaceState, Refusal } from "./state.ts";

const needsNoLink = new Set(["blackhole", "unreachable", "prohibit", "throw"]);

export function contains(prefix: string, address: string): boolean {
  if (prefix === "default") return true;
  const network = parseCidr(prefix);
  const { bytes, family } = parseIp(address);
  if (family !== network.family) return false;
  for (let bit = 0; bit < network.length; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((bytes[bit >> 3] ?? 0) & mask) !== ((network.bytes[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}

const canonicalIp = (text: string): string => formatIp(parseIp(text).bytes);
const canonicalPrefix = (text: string): string => (text === "default" ? text : formatCidr(parseCidr(text)));

function familyOf(wanted: NewRoute): Family {
  if (wanted.destination !== "default") return parseCidr(wanted.destination).family;
  const implied = wanted.gateway ?? wanted.multipath?.find((hop) => hop.gateway)?.gateway ?? wanted.source;
  return wanted.family ?? (implied === undefined ? 4 : parseIp(implied).family);
}

/** The link through which a gateway is reached: an attached network of its own. */
function linkToward(state: NamespaceState, gateway: string, family: Family): number | undefined {
  return state.routes.find(
    (route) =>
      route.family === family &&
      route.gateway === undefined &&
      route.link !== undefined &&
      contains(route.destination, gateway),
  )?.link;
}

function nextHop(state: NamespaceState, family: Family, wanted: Pick<NewRoute, "gateway" | "link" | "onlink">): number {
  const link = wanted.link === undefined ? undefined : state.resolve(wanted.link);
  if (link && !link.up) throw new Refusal("ENETDOWN", { message: "Device for nexthop is not up" });
  if (wanted.gateway === undefined) {
    if (!link) throw new Refusal("ENODEV", { message: "No such device" });
    return link.index;
  }
  const gateway = canonicalIp(wanted.gateway);
  if (wanted.onlink && link) return link.index;
  const toward = linkToward(state, gateway, parseIp(gateway).family);
  const linkLocal = family === 6 && gateway.startsWith("fe80:") && link;
  if (linkLocal) return link.index;
  if (toward === undefined || (link && toward !== link.index))
    throw new Refusal(family === 4 ? "ENETUNREACH" : "EHOSTUNREACH", { message: "Nexthop has invalid gateway" });
  return toward;
}

function build(state: NamespaceState, wanted: NewRoute): Route {
  const family = familyOf(wanted);
  const type = wanted.type ?? "unicast";
  const { gateway, source, mtu } = wanted;
  if (source !== undefined && !state.addrs.some((addr) => addr.address.split("/")[0] === canonicalIp(source)))
    throw new Refusal("EINVAL", { message: "Invalid prefsrc address" });
  const multipath = wanted.multipath?.map(
    (hop): NextHop => ({
      weight: hop.weight ?? 1,
      onlink: hop.onlink ?? false,
      link: nextHop(state, family, hop),
      ...(hop.gateway === undefined ? {} : { gateway: canonicalIp(hop.gateway) }),
    }),
  );
  const link = needsNoLink.has(type) || multipath ? undefined : nextHop(state, family, wanted);
  const direct = gateway === undefined && !multipath && !needsNoLink.has(type);
  return {
    family,
    destination: canonicalPrefix(wanted.destination),
    type,
    table: wanted.table ?? 254,
    protocol: wanted.protocol ?? 4,
    scope: wanted.scope ?? (family === 6 ? "global" : type === "local" ? "host" : direct ? "link" : "global"),
    ...(gateway === undefined ? {} : { gateway: canonicalIp(gateway) }),
    ...(link === undefined ? {} : { link }),
    ...(source === undefined ? {} : { source: canonicalIp(source) }),
    metric: wanted.metric ?? (family === 6 ? 1024 : 0),
    onlink: wanted.onlink ?? false,
    ...(mtu === undefined ? {} : { mtu }),
    ...(multipath ? { multipath } : {}),
    flags: 0,
  };
}

const sameEntry = (a: Route, b: Route): boolean =>
  a.family === b.family && a.destination === b.destination && a.table === b.table && a.metric === b.metric;

export function addRoute(state: NamespaceState, verb: "add" | "replace", wanted: NewRoute): void {
  const route = build(state, wanted);
  const existing = state.routes.find((other) => sameEntry(other, route));
  if (existing && verb === "add") throw new Refusal("EEXIST");
  if (existing) state.routes[state.routes.indexOf(existing)] = route;
  else state.routes.push(route);
  state.tell("route", { type: "route", action: "new", route });
}

export function deleteRoute(state: NamespaceState, wanted: NewRoute): void {
  const link = wanted.link === undefined ? undefined : state.resolve(wanted.link).index;
  const family = familyOf(wanted);
  const found = state.routes.find(
    (route) =>
      route.family === family &&
      route.destination === canonicalPrefix(wanted.destination) &&
      route.table === (wanted.table ?? 254) &&
      (wanted.metric === undefined || route.metric === wanted.metric) &&
      (wanted.protocol === undefined || route.protocol === wanted.protocol) &&
      (wanted.type === undefined || route.type === wanted.type) &&
      (wanted.gateway === undefined || route.gateway === canonicalIp(wanted.gateway)) &&
      (link === undefined || route.link === link),
  );
  if (!found) throw new Refusal("ESRCH");
  removeRoute(state, found);
}

export function listRoutes(state: NamespaceState, filter: RouteFilter): Route[] {
  const link = filter.link === undefined ? undefined : state.resolve(filter.link).index;
  return state.routes.filter(
    (route) =>
      (filter.family === undefined || route.family === filter.family) &&
      (filter.table === undefined || route.table === filter.table) &&
      (filter.protocol === undefined || route.protocol === filter.protocol) &&
      (link === undefined || route.link === link || (route.multipath?.some((hop) => hop.link === link) ?? false)),
  );
}

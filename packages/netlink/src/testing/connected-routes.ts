/** Routes that come and go with addresses and with links being up (net/ipv4/fib_frontend.c, net/ipv6/addrconf.c). */
import type { Addr, Route } from "../api/objects.ts";
import { formatCidr, maskCidr, parseCidr } from "../names/ip.ts";
import type { FakeLink, NamespaceState } from "./state.ts";

const IFA_F_NOPREFIXROUTE = 0x200;
const kernelProtocol = 2;

/** The route that an address makes; none for a host address, whose own entry in the local table is not modelled. */
function connectedRoute(addr: Addr): Route | undefined {
  const cidr = parseCidr(addr.peer === undefined ? addr.address : `${addr.peer}/${parseCidr(addr.address).length}`);
  const host = cidr.length === (cidr.family === 4 ? 32 : 128);
  if ((addr.flags & IFA_F_NOPREFIXROUTE) !== 0) return undefined;
  if (host && cidr.family === 4 && addr.peer === undefined) return undefined;
  const source = parseCidr(addr.address);
  return {
    family: cidr.family,
    destination: formatCidr(maskCidr(cidr)),
    type: "unicast",
    table: 254,
    protocol: kernelProtocol,
    scope: cidr.family === 4 ? "link" : "global",
    link: addr.link,
    ...(cidr.family === 4 ? { source: formatCidr(source).split("/")[0] ?? "" } : {}),
    metric: cidr.family === 4 ? 0 : 256,
    onlink: false,
    flags: 0,
  };
}

const sameRoute = (a: Route, b: Route): boolean =>
  a.destination === b.destination && a.table === b.table && a.metric === b.metric && a.link === b.link;

export function addConnected(state: NamespaceState, addr: Addr): void {
  const route = connectedRoute(addr);
  if (!route || !state.links.get(addr.link)?.up || state.routes.some((other) => sameRoute(other, route))) return;
  state.routes.push(route);
  state.tell("route", { type: "route", action: "new", route });
}

export function removeConnected(state: NamespaceState, addr: Addr): void {
  const route = connectedRoute(addr);
  const found = route && state.routes.find((other) => sameRoute(other, route) && other.protocol === kernelProtocol);
  if (found) removeRoute(state, found);
}

export function removeRoute(state: NamespaceState, route: Route): void {
  state.routes.splice(state.routes.indexOf(route), 1);
  state.tell("route", { type: "route", action: "delete", route });
}

/** The link came up: its addresses' routes appear. */
export function refreshConnected(link: FakeLink): void {
  for (const addr of link.netns.addrs) if (addr.link === link.index) addConnected(link.netns, addr);
}

/** The link went down or away: every route over it goes. */
export function dropRoutesOf(link: FakeLink): void {
  const { netns } = link;
  const over = (route: Route): boolean =>
    route.link === link.index || (route.multipath?.every((hop) => hop.link === link.index) ?? false);
  for (const route of netns.routes.filter(over)) removeRoute(netns, route);
}

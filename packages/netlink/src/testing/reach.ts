/** Whether a packet would arrive: one attached network, over veth cables and bridges; routers are not modelled. */
import { formatIp, parseIp } from "../names/ip.ts";
import { contains } from "./routes.ts";
import { type FakeLink, hasCarrier, type NamespaceState } from "./state.ts";

const owns = (state: NamespaceState, address: string): boolean =>
  state.addrs.some((addr) => addr.address.split("/")[0] === address && state.links.get(addr.link)?.up);

export function reaches(state: NamespaceState, destination: string): boolean {
  const address = formatIp(parseIp(destination).bytes);
  if (owns(state, address)) return true;
  const route = state.routes
    .filter((each) => each.link !== undefined && contains(each.destination, address))
    .sort((a, b) => lengthOf(b.destination) - lengthOf(a.destination))[0];
  const out = route?.link === undefined ? undefined : state.links.get(route.link);
  return out !== undefined && floods(out, address, new Set());
}

const lengthOf = (prefix: string): number => (prefix === "default" ? 0 : Number(prefix.split("/")[1]));

/** Follows the wire out of a link to whatever namespaces hang on it. */
function floods(link: FakeLink, address: string, seen: Set<FakeLink>): boolean {
  if (seen.has(link) || !hasCarrier(link)) return false;
  seen.add(link);
  if (link.kind === "bridge") return portsOf(link).some((port) => floods(port, address, seen));
  const far = link.kind === "veth" ? link.peer : undefined;
  if (!far?.up) return false;
  if (!far.master) return owns(far.netns, address);
  if (owns(far.netns, address)) return true;
  return portsOf(far.master).some((port) => port !== far && floods(port, address, seen));
}

const portsOf = (bridge: FakeLink): FakeLink[] =>
  [...bridge.netns.links.values()].filter((link) => link.master === bridge);

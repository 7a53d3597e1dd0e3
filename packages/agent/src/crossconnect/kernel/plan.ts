/**
 * How an NSM connection context becomes addresses, routes, neighbours and policy rules of one interface: the rules of
 * networkservicemesh/sdk-kernel, connectioncontextkernel. `src` is always the client's side, `dst` the endpoint's.
 */
import { fileURLToPath } from "node:url";
import type { Connection, IpNeighbor } from "@nsmkit/api/networkservice";
import { checkInterfaceName, checkMac } from "@nsmkit/netlink";
import type { CrossConnectSide } from "@nsmkit/sdk/crossconnect";
import { emptyPlan, type InterfacePlan, type NeighborPlan } from "./interface-plan.ts";
import { decimal, invalid } from "./invalid.ts";
import type { Side } from "./mark.ts";
import { planPolicies } from "./policies.ts";
import { canonicalAddress, familyOf, type Prefix, parsePrefix } from "./prefix.ts";
import { planRoutes } from "./routes.ts";

/** Entries of one list. More in one connection is no use of NSM, and the work that a peer can ask for has a bound. */
const mostAddresses = 100;
const mostEntries = 1000;
/** RFC 791: every link carries this much; the kernel refuses less on veth. */
const smallestMtu = 68;
/** RFC 8200 section 5; below it the kernel takes IPv6 off the link. */
const smallestIpv6Mtu = 1280;
const largestMtu = 65_535;

/** The nsfs path behind a KERNEL mechanism's `inodeURL`. */
export function netnsPathOf(connectionId: string, side: CrossConnectSide): string {
  const url = side.mechanism.parameters.inodeURL ?? "";
  try {
    // Throws for another scheme, a host, and escapes that are no text or hide a slash.
    const path = fileURLToPath(url);
    if (!path.includes("\0")) return path;
  } catch {
    // Told below.
  }
  throw invalid(
    connectionId,
    "mechanism.parameters.inodeURL",
    url,
    "it must be a file:// URL of a network namespace of this machine",
  );
}

/** The interface of the client (`src_*`) or of the endpoint (`dst_*`). @throws INVALID_ARGUMENT naming the field */
export function planInterface(of: Side, side: CrossConnectSide, connection: Connection): InterfacePlan {
  const { id } = connection;
  const { vlan = "" } = side.mechanism.parameters;
  const name = checkInterfaceName(side.mechanism.parameters.name ?? "", `connection ${id}: mechanism.parameters.name`);
  // A VLAN on the link is the application's own affair, and so is what stands on it.
  if (vlan !== "" && decimal(id, "mechanism.parameters.vlan", vlan, 0, 4095) > 0) return emptyPlan(name);
  const mtu = planMtu(connection);
  const base = { ...emptyPlan(name), ...(mtu === undefined ? {} : { mtu }) };
  const ip = connection.context?.ipContext;
  if (!ip) return base;

  const read = (field: string, values: readonly string[]): Prefix[] =>
    bounded(id, field, values, mostAddresses).map((value) =>
      parsePrefix(value, `connection ${id}: context.ip_context.${field}`),
    );
  const source = read("src_ip_addrs", ip.srcIpAddrs);
  const destination = read("dst_ip_addrs", ip.dstIpAddrs);
  const [own, opposite] = of === "client" ? [source, destination] : [destination, source];
  if (mtu !== undefined && mtu < smallestIpv6Mtu && own.some((prefix) => prefix.family === 6)) {
    throw invalid(id, "context.MTU", mtu, `IPv6 addresses need at least ${smallestIpv6Mtu}`);
  }
  const routes = of === "client" ? bounded(id, "src_routes", ip.srcRoutes) : bounded(id, "dst_routes", ip.dstRoutes);
  const field = `context.ip_context.${of === "client" ? "src" : "dst"}_routes`;
  const plan = {
    ...base,
    addresses: [...new Set(own.map((cidr) => cidr.text))],
    routes: planRoutes(id, field, routes, own, opposite),
    neighbors: planNeighbors(id, bounded(id, "ip_neighbors", ip.ipNeighbors)),
    policies: of === "client" ? planPolicies(id, bounded(id, "policies", ip.policies), own, opposite) : [],
  };
  return { ...plan, ipv6: connection.payload !== "IP" || plan.addresses.length === 0 || usesIpv6(plan) };
}

/** Addresses of a side with their lengths cut off: what the other side knows as its neighbour. */
export const hostsOf = (plan: InterfacePlan): string[] =>
  plan.addresses.map((cidr) => cidr.slice(0, cidr.indexOf("/")));

function usesIpv6({ addresses, routes, neighbors, policies }: InterfacePlan): boolean {
  const all = [...addresses, ...routes.map((r) => r.destination), ...neighbors.map((n) => n.ip)];
  return all.some((text) => familyOf(text) === 6) || policies.some(({ selector }) => selector.family === 6);
}

function planMtu(connection: Connection): number | undefined {
  const mtu = connection.context?.MTU ?? 0;
  if (mtu === 0) return undefined;
  if (mtu >= smallestMtu && mtu <= largestMtu) return mtu;
  throw invalid(connection.id, "context.MTU", mtu, `write 0 (unset) or ${smallestMtu} to ${largestMtu}`);
}

function planNeighbors(connectionId: string, neighbors: readonly IpNeighbor[]): NeighborPlan[] {
  const field = "context.ip_context.ip_neighbors";
  const byIp = new Map<string, NeighborPlan>();
  for (const neighbor of neighbors) {
    const ip = canonicalAddress(neighbor.ip);
    if (ip === undefined) {
      throw invalid(connectionId, `${field}.ip`, neighbor.ip, "write an address without a length");
    }
    byIp.set(ip, { ip, mac: checkMac(neighbor.hardwareAddress, `connection ${connectionId}: ${field}`) });
  }
  return [...byIp.values()];
}

function bounded<T>(connectionId: string, field: string, list: readonly T[], most = mostEntries): readonly T[] {
  if (list.length <= most) return list;
  throw invalid(connectionId, `context.ip_context.${field}`, `${list.length} entries`, `at most ${most} fit`);
}

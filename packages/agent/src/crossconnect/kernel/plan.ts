/**
 * What a connection asks of one network namespace, as plain data: the rules of how an NSM connection context becomes
 * addresses, routes, neighbours and policy rules (networkservicemesh/sdk-kernel, ipcontext elements).
 */
import type { Connection } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import type { CrossConnectSide } from "@nsmkit/sdk/crossconnect";
import { canonicalAddress, familyOf, type Prefix, parsePrefix, prefixContains } from "./prefix.ts";

export interface RoutePlan {
  readonly destination: string;
  readonly gateway?: string;
}

export interface PolicyPlan {
  /** What makes two policies the same one on an update. */
  readonly identity: string;
  readonly family: 4 | 6;
  readonly from?: string;
  readonly ipProto?: number;
  readonly sourcePorts?: { readonly from: number; readonly to: number };
  readonly destinationPorts?: { readonly from: number; readonly to: number };
  readonly routes: readonly RoutePlan[];
}

export interface InterfacePlan {
  /** A path of an nsfs file that is valid in this process. */
  readonly netnsPath: string;
  readonly name: string;
  /** VLAN sub-interfaces of the mechanism are the application's own; then only the link is made. */
  readonly linkOnly: boolean;
  readonly mtu?: number;
  readonly addresses: readonly string[];
  readonly routes: readonly RoutePlan[];
  readonly neighbors: readonly { readonly ip: string; readonly mac: string }[];
  readonly policies: readonly PolicyPlan[];
}

/** Numbers of /etc/protocols that policies name in practice; any number may be given instead. */
const ipProtocols: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, ipv6icmp: 58, icmpv6: 58, sctp: 132 };

function invalid(connection: Connection, field: string, value: string, remedy: string): CodedError {
  return new CodedError(
    "INVALID_ARGUMENT",
    `connection ${connection.id}: ${field} is ${JSON.stringify(value)}; ${remedy}`,
    { details: { field, value } },
  );
}

/** The nsfs path behind a LOCAL mechanism's `inodeURL`. */
export function netnsPathOf(side: CrossConnectSide, connection: Connection): string {
  const url = side.mechanism.parameters.inodeURL ?? "";
  if (!url.startsWith("file:///")) {
    throw invalid(connection, "mechanism.parameters.inodeURL", url, "it must be a file:// URL of a network namespace");
  }
  return decodeURI(url.slice("file://".length));
}

/** The interface of the client (`src_*`) or of the endpoint (`dst_*`). */
export function planInterface(of: "client" | "server", side: CrossConnectSide, connection: Connection): InterfacePlan {
  const parameters = side.mechanism.parameters;
  const name = parameters.name ?? "";
  if (name === "") throw invalid(connection, "mechanism.parameters.name", name, "the interface needs a name");
  const linkOnly = Number(parameters.vlan ?? 0) > 0;
  const base = { netnsPath: netnsPathOf(side, connection), name, linkOnly };
  const mtu = connection.context?.MTU ?? 0;
  const ip = connection.context?.ipContext;
  if (linkOnly || !ip) {
    return {
      ...base,
      ...(mtu > 0 && !linkOnly ? { mtu } : {}),
      addresses: [],
      routes: [],
      neighbors: [],
      policies: [],
    };
  }
  const client = of === "client";
  const where = (field: string): string => `connection ${connection.id}: context.ip_context.${field}`;
  const read = (field: string, values: readonly string[]): Prefix[] =>
    values.map((value) => parsePrefix(value, where(field)));
  const source = read("src_ip_addrs", ip.srcIpAddrs);
  const destination = read("dst_ip_addrs", ip.dstIpAddrs);
  const [own, opposite] = client ? [source, destination] : [destination, source];
  const given = client ? ip.srcRoutes : ip.dstRoutes;
  const routes = [
    ...hostRoutes(own, opposite),
    ...given.map((route) => planRoute(connection, route.prefix, route.nextHop, own, opposite)),
  ];
  return {
    ...base,
    ...(mtu > 0 ? { mtu } : {}),
    addresses: [...new Set(own.map((cidr) => cidr.text))],
    routes: unique(routes),
    neighbors: ip.ipNeighbors.map((n) => ({ ip: n.ip, mac: n.hardwareAddress })),
    policies: client
      ? ip.policies.map((policy): PolicyPlan => {
          const destinations = policy.routes.length > 0 ? policy.routes : undefined;
          const from = policy.from === "" ? undefined : parsePrefix(policy.from, where("policies.from"));
          const family = from?.family ?? own[0]?.family ?? 4;
          const ports = (field: string, text: string) => parsePorts(connection, `policies.${field}`, text);
          const proto = policy.proto === "" ? undefined : protocolNumber(connection, policy.proto);
          const sourcePorts = ports("src_port", policy.srcPort);
          const destinationPorts = ports("dst_port", policy.dstPort);
          return {
            identity: [policy.dstPort, policy.srcPort, policy.from, policy.proto].join(";"),
            family,
            ...(from ? { from: from.network } : {}),
            ...(proto === undefined ? {} : { ipProto: proto }),
            ...(sourcePorts ? { sourcePorts } : {}),
            ...(destinationPorts ? { destinationPorts } : {}),
            routes: destinations
              ? destinations.map((r) => planRoute(connection, r.prefix, r.nextHop, own, opposite))
              : [{ destination: family === 6 ? "::/0" : "0.0.0.0/0" }],
          };
        })
      : [],
  };
}

/** A link-scope route to each opposite address that no prefix of ours covers. */
function hostRoutes(own: readonly Prefix[], opposite: readonly Prefix[]): RoutePlan[] {
  return opposite
    .filter((far) => !own.some((near) => prefixContains(near, far)))
    .map((far) => ({ destination: `${far.address}/${far.family === 4 ? 32 : 128}` }));
}

function planRoute(
  connection: Connection,
  prefix: string,
  nextHop: string,
  own: readonly Prefix[],
  opposite: readonly Prefix[],
): RoutePlan {
  const destination = parsePrefix(prefix, `connection ${connection.id}: context.ip_context route prefix`);
  if (nextHop !== "") {
    const gateway = canonicalAddress(nextHop);
    if (gateway === undefined || familyOf(gateway) !== destination.family) {
      throw invalid(connection, "route nextHop", nextHop, `write an address of the family of ${prefix}`);
    }
    return { destination: destination.network, gateway };
  }
  // Inside the opposite side's net the far end answers by itself; elsewhere it is the gateway.
  if (opposite.some((far) => prefixContains(far, destination))) return { destination: destination.network };
  if (own.some((near) => prefixContains(near, destination) && near.parsed.length <= destination.parsed.length)) {
    return { destination: destination.network };
  }
  const gateway = opposite.find((far) => far.family === destination.family)?.address;
  return gateway ? { destination: destination.network, gateway } : { destination: destination.network };
}

function unique(routes: readonly RoutePlan[]): RoutePlan[] {
  const byDestination = new Map<string, RoutePlan>();
  for (const route of routes) byDestination.set(route.destination, route);
  return [...byDestination.values()];
}

function protocolNumber(connection: Connection, text: string): number {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : ipProtocols[text.toLowerCase()];
  if (number === undefined || number > 255) {
    throw invalid(connection, "context.ip_context.policies.proto", text, "use tcp, udp, icmp, sctp or a number 0..255");
  }
  return number;
}

function parsePorts(connection: Connection, field: string, text: string): { from: number; to: number } | undefined {
  if (text === "") return undefined;
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  if (!match || from < 1 || to > 65_535 || from > to) {
    throw invalid(connection, `context.ip_context.${field}`, text, "write a port like 80 or a range like 80-90");
  }
  return { from, to };
}

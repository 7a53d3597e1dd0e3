/** The link between two sides: a veth pair when both are here, a VXLAN tunnel end when the other is on another node. */
import { createHash } from "node:crypto";
import type { Connection } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { type Link, linkAdd, linkSet, type Netns, type NewLinkCommon, type Step } from "@nsmkit/netlink";
import type { CrossConnectSide } from "@nsmkit/sdk/crossconnect";
import type { InterfacePlan } from "./interface-plan.ts";
import { markOf, type Side } from "./mark.ts";
import { hostsOf, planInterface } from "./plan.ts";
import { planTunnel, type TunnelPlan } from "./tunnel.ts";

/** One end of a connection in a namespace of this node. */
export interface LocalEnd {
  readonly side: Side;
  /** Identity of the namespace, `dev:ino`. */
  readonly key: string;
  readonly netns: Netns;
  readonly plan: InterfacePlan;
}

/** What a connection shall be in the kernel: two ends here, or one end and a tunnel. */
export interface Wiring {
  readonly connectionId: string;
  /** Whose mark its links carry. */
  readonly owner: string;
  readonly ends: readonly LocalEnd[];
  readonly tunnel: TunnelPlan | undefined;
}

/** The plan of a connection, before its namespaces are opened. */
export interface PlannedWiring {
  readonly interfaces: readonly { readonly side: Side; readonly plan: InterfacePlan }[];
  readonly tunnel: TunnelPlan | undefined;
}

/** @throws INVALID_ARGUMENT naming the field, UNSUPPORTED for mechanisms that are not joined here */
export function planWiring(
  connectionId: string,
  sides: { readonly client: CrossConnectSide; readonly server: CrossConnectSide },
  connection: Connection,
  mechanisms: readonly string[],
): PlannedWiring {
  const types = [sides.client.mechanism.type, sides.server.mechanism.type];
  if (types.some((type) => !mechanisms.includes(type)) || types.every((type) => type === "VXLAN")) {
    throw new CodedError(
      "UNSUPPORTED",
      `connection ${connectionId}: the kernel data plane cannot join ${types.join(" and ")}; it has ${mechanisms.join(" and ")}`,
    );
  }
  const remote = (["client", "server"] as const).find((side) => sides[side].mechanism.type === "VXLAN");
  const { tunnel, mtu } = remote ? planTunnel(connectionId, remote, sides[remote]) : {};
  const interfaces = (["client", "server"] as const)
    .filter((side) => side !== remote)
    .map((side) => ({ side, plan: planInterface(side, sides[side], connection) }));
  return { interfaces: share(connectionId, interfaces, mtu, connection.payload), tunnel };
}

/** Both ends of a link have the smaller MTU; with payload IP each end knows the other (sdk-kernel, ipneighbors). */
function share(
  connectionId: string,
  interfaces: PlannedWiring["interfaces"],
  tunnelMtu: number | undefined,
  payload: string,
): PlannedWiring["interfaces"] {
  const mtus = [tunnelMtu, ...interfaces.map(({ plan }) => plan.mtu)].filter((mtu) => mtu !== undefined);
  return interfaces.map(({ side, plan }) => {
    const far = payload === "IP" ? interfaces.find((other) => other.side !== side) : undefined;
    const peers = far ? hostsOf(far.plan).map((ip) => ({ ip, mac: macOf(connectionId, far.side) })) : [];
    const asked = new Set(plan.neighbors.map(({ ip }) => ip));
    const neighbors = [...peers.filter(({ ip }) => !asked.has(ip)), ...plan.neighbors];
    return { side, plan: { ...plan, neighbors, ...(mtus.length > 0 ? { mtu: Math.min(...mtus) } : {}) } };
  });
}

/**
 * A MAC of our own for each end: the same again when the link is made anew after a failure, so that neighbours need not
 * learn it again. Locally administered, unicast (IEEE 802 section 8.2).
 */
export function macOf(connectionId: string, side: Side): string {
  const bytes = createHash("sha256").update(`${side} ${connectionId}`).digest().subarray(0, 6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** The request that makes the link, ends in their namespaces, marked, and up unless IPv6 shall be off by then. */
export function linkStep(wiring: Wiring): Step {
  const [first, second] = wiring.ends;
  const { tunnel } = wiring;
  if (first && second) {
    const link = { kind: "veth", ...common(wiring, first), peer: common(wiring, second) } as const;
    return { netns: first.netns, ops: [linkAdd(link)] };
  }
  if (!first || !tunnel) throw new CodedError("INTERNAL", `connection ${wiring.connectionId} has no two ends`);
  const { vni, local, remote, port } = tunnel;
  // Sent from our own namespace: there the tunnel's socket stays, whatever namespace its inside is in. No learning:
  // there is one far end, and a stray packet must not redirect us.
  return {
    ops: [linkAdd({ kind: "vxlan", ...common(wiring, first), id: vni, local, remote, port, learning: false })],
  };
}

function common({ connectionId, owner }: Wiring, end: LocalEnd): NewLinkCommon {
  return {
    name: end.plan.name,
    netns: end.netns,
    mac: macOf(connectionId, end.side),
    alias: markOf(owner, connectionId, end.side),
    up: end.plan.ipv6,
    ...(end.plan.mtu === undefined ? {} : { mtu: end.plan.mtu }),
  };
}

/** Whether a link is the end of this very connection that it is found at. */
export function isMarked({ connectionId, owner, ends }: Wiring, index: number, link: Link | undefined): boolean {
  const side = ends[index]?.side;
  return side !== undefined && link?.alias === markOf(owner, connectionId, side);
}

/** Whether the links found at a connection's ends, in the order of its ends, are the link that it shall have. */
export function isWired(wiring: Wiring, links: readonly (Link | undefined)[]): boolean {
  const { ends, tunnel } = wiring;
  const usable = ends.every((_, i) => isMarked(wiring, i, links[i]) && links[i]?.up && links[i]?.carrier);
  const [first, second] = links;
  if (!usable || !first) return false;
  if (tunnel === undefined) {
    return first.kind === "veth" && second !== undefined && first.peer === second.index && second.peer === first.index;
  }
  if (first.info?.kind !== "vxlan") return false;
  const { id, local, remote, port } = first.info;
  return id === tunnel.vni && local === tunnel.local && remote === tunnel.remote && port === tunnel.port;
}

/** Gives links the names that they shall have. The kernel renames a link that is up since 6.2. */
export const renameSteps = ({ ends }: Wiring, links: readonly (Link | undefined)[]): Step[] =>
  ends.flatMap(({ netns, plan }, i): Step[] => {
    const link = links[i];
    return link && link.name !== plan.name ? [{ netns, ops: [linkSet(link.index, { name: plan.name })] }] : [];
  });

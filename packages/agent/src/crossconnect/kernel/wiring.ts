/** The link between two sides: a veth pair when both are here, a VXLAN tunnel end when the other is on another node. */
import { createHash } from "node:crypto";
import { CodedError } from "@nsmkit/core";
import { linkAdd, type Netns, type NewLinkCommon, type Step } from "@nsmkit/netlink";
import type { CrossConnectSide } from "@nsmkit/sdk/crossconnect";
import { markOf, type Side } from "./mark.ts";
import type { InterfacePlan } from "./plan.ts";
import { canonicalAddress } from "./prefix.ts";

/** RFC 7348 section 8. */
const vxlanPort = 4789;

export interface TunnelPlan {
  readonly vni: number;
  readonly local: string;
  readonly remote: string;
  readonly port: number;
  readonly mtu?: number;
}

/** One end of a connection in a namespace of this node. */
export interface LocalEnd {
  readonly side: Side;
  readonly key: string;
  readonly netns: Netns;
  readonly plan: InterfacePlan;
}

function parameter(connectionId: string, side: CrossConnectSide, name: string): string {
  const value = side.mechanism.parameters[name];
  if (value === undefined || value === "") {
    throw new CodedError(
      "INVALID_ARGUMENT",
      `connection ${connectionId}: the VXLAN mechanism has no parameter ${name}`,
    );
  }
  return value;
}

/** @param side of the remote end; its `src_ip` is the client's forwarder, its `dst_ip` the endpoint's */
export function planTunnel(connectionId: string, of: Side, side: CrossConnectSide): TunnelPlan {
  const read = (name: string): string => {
    const text = parameter(connectionId, side, name);
    const address = canonicalAddress(text);
    if (address === undefined) {
      throw new CodedError(
        "INVALID_ARGUMENT",
        `connection ${connectionId}: ${name} ${JSON.stringify(text)} is no IP address`,
      );
    }
    return address;
  };
  const number = (name: string, text: string, min: number, max: number): number => {
    const value = /^\d{1,8}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new CodedError(
        "INVALID_ARGUMENT",
        `connection ${connectionId}: ${name} ${JSON.stringify(text)} is not ${min}..${max}`,
      );
    }
    return value;
  };
  const { src_port: sourcePort, dst_port: destinationPort, MTU: mtu } = side.mechanism.parameters;
  const port = number("dst_port", destinationPort || String(vxlanPort), 1, 65_535);
  if (sourcePort && number("src_port", sourcePort, 1, 65_535) !== port) {
    // One Linux VXLAN link listens and sends on the same port.
    throw new CodedError(
      "UNSUPPORTED",
      `connection ${connectionId}: src_port ${sourcePort} and dst_port ${port} differ; set NSM_VXLAN_PORT alike on both forwarders`,
    );
  }
  const vni = number("vni", parameter(connectionId, side, "vni"), 1, 2 ** 24 - 1);
  const ips = [read("src_ip"), read("dst_ip")] as const;
  const [local, remote] = of === "server" ? ips : [ips[1], ips[0]];
  const tunnelMtu = mtu ? number("MTU", mtu, 68, 65_535) : undefined;
  return { vni, local, remote, port, ...(tunnelMtu === undefined ? {} : { mtu: tunnelMtu }) };
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

function common(connectionId: string, end: LocalEnd, mtu: number | undefined): NewLinkCommon {
  return {
    name: end.plan.name,
    netns: end.netns,
    mac: macOf(connectionId, end.side),
    alias: markOf(connectionId, end.side),
    up: true,
    ...(mtu === undefined ? {} : { mtu }),
  };
}

const smaller = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b);

/** The request that makes the link, ends in their namespaces, marked and up. */
export function linkStep(connectionId: string, ends: readonly LocalEnd[], tunnel: TunnelPlan | undefined): Step {
  const [first, second] = ends;
  if (first && second) {
    const mtu = smaller(first.plan.mtu, second.plan.mtu);
    const link = {
      kind: "veth",
      ...common(connectionId, first, mtu),
      peer: common(connectionId, second, mtu),
    } as const;
    return { netns: first.netns, ops: [linkAdd(link)] };
  }
  if (!first || !tunnel) throw new CodedError("INTERNAL", `connection ${connectionId} has no two ends`);
  const { vni, local, remote, port } = tunnel;
  const mtu = smaller(first.plan.mtu, tunnel.mtu);
  // Sent from our own namespace: there the tunnel's socket stays, whatever namespace its inside is in.
  return { ops: [linkAdd({ kind: "vxlan", ...common(connectionId, first, mtu), id: vni, local, remote, port })] };
}

/** VXLAN parameters of a remote side (networkservicemesh/api, mechanisms/vxlan). */
import type { CrossConnectSide } from "@nsmkit/sdk/crossconnect";
import { decimal, invalid } from "./invalid.ts";
import type { Side } from "./mark.ts";
import { canonicalAddress, familyOf } from "./prefix.ts";

/** RFC 7348 section 8. */
const vxlanPort = 4789;

export interface TunnelPlan {
  readonly vni: number;
  readonly local: string;
  readonly remote: string;
  readonly port: number;
}

/**
 * @param of which side of the connection is the remote one
 * @param side its mechanism; `src_ip` is the client's forwarder, `dst_ip` the endpoint's
 * @returns the link and the MTU of what it carries, if the forwarders agreed on one
 */
export function planTunnel(
  connectionId: string,
  of: Side,
  side: CrossConnectSide,
): { readonly tunnel: TunnelPlan; readonly mtu: number | undefined } {
  const { parameters } = side.mechanism;
  const number = (name: string, text: string, min: number, max: number): number =>
    decimal(connectionId, `mechanism.parameters.${name}`, text, min, max);
  const address = (name: string): string => {
    const text = parameters[name] ?? "";
    const ip = canonicalAddress(text);
    if (ip === undefined) throw invalid(connectionId, `mechanism.parameters.${name}`, text, "write an IP address");
    return ip;
  };
  const source = address("src_ip");
  const destination = address("dst_ip");
  if (familyOf(source) !== familyOf(destination) || source === destination) {
    const remedy = `src_ip is ${source}; both forwarders need an address of the same IP version, each its own`;
    throw invalid(connectionId, "mechanism.parameters.dst_ip", destination, remedy);
  }
  const port = number("dst_port", parameters.dst_port || String(vxlanPort), 1, 65_535);
  if (parameters.src_port && number("src_port", parameters.src_port, 1, 65_535) !== port) {
    // One Linux VXLAN link sends to the port on which it listens.
    const remedy = `dst_port is ${port}; set NSM_VXLAN_PORT alike on both forwarders`;
    throw invalid(connectionId, "mechanism.parameters.src_port", parameters.src_port, remedy);
  }
  const [local, remote] = of === "server" ? [source, destination] : [destination, source];
  return {
    tunnel: { vni: number("vni", parameters.vni ?? "", 1, 2 ** 24 - 1), local, remote, port },
    mtu: parameters.MTU ? number("MTU", parameters.MTU, 68, 65_535) : undefined,
  };
}

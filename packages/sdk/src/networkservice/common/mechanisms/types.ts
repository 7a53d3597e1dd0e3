import { create } from "@bufbuild/protobuf";
import { type Mechanism, MechanismSchema } from "@nsmkit/api/networkservice";

/** Values of `cls`. */
export const LOCAL = "LOCAL";
export const REMOTE = "REMOTE";

/** Values of `type`, with the class that goes with each. */
export const mechanismClass: Readonly<Record<string, string>> = {
  KERNEL: LOCAL,
  MEMIF: LOCAL,
  VFIO: LOCAL,
  NOOP: LOCAL,
  VXLAN: REMOTE,
  WIREGUARD: REMOTE,
  IPSEC: REMOTE,
  VLAN: REMOTE,
};

/** Parameter keys, as spelled on the wire by networkservicemesh/api. */
export const parameter = {
  inodeUrl: "inodeURL",
  interfaceName: "name",
  srcIp: "src_ip",
  dstIp: "dst_ip",
  srcPort: "src_port",
  dstPort: "dst_port",
  origSrcIp: "orig_src_ip",
  origDstIp: "orig_dst_ip",
  vni: "vni",
  mtu: "MTU",
} as const;

/** @throws nothing: an unknown type is LOCAL, and whoever is asked for it refuses */
export function mechanism(type: string, parameters: Readonly<Record<string, string>> = {}): Mechanism {
  const cls = Object.hasOwn(mechanismClass, type) ? mechanismClass[type] : LOCAL;
  return create(MechanismSchema, { cls: cls ?? LOCAL, type, parameters: { ...parameters } });
}

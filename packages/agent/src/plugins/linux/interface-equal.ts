import { type Interface, Interface_Type as Type } from "@nsmkit/api/linux";
import { hostNameOf } from "./interface-check.ts";
import { peerNameOf, tableOf } from "./links/index.ts";
import { sameNamespace } from "./namespaces.ts";

const plainMac = (mac: string): string => mac.toLowerCase().replaceAll("-", ":");

/**
 * Whether what is there is what is declared. Addresses and VRF are values of their own and do not count; neither does
 * what the new declaration leaves open.
 */
export function sameInterface(old: Interface, wanted: Interface): boolean {
  return (
    old.type === wanted.type &&
    old.enabled === wanted.enabled &&
    old.linkOnly === wanted.linkOnly &&
    hostNameOf(old) === hostNameOf(wanted) &&
    sameNamespace(old.namespace, wanted.namespace) &&
    peerNameOf(old) === peerNameOf(wanted) &&
    tableOf(old) === tableOf(wanted) &&
    (old.link.case === "tap" ? old.link.value.vppTapIfName : "") ===
      (wanted.link.case === "tap" ? wanted.link.value.vppTapIfName : "") &&
    mtuOf(old) === mtuOf(wanted) &&
    (wanted.physAddress === "" || plainMac(old.physAddress) === plainMac(wanted.physAddress)) &&
    old.vrfMasterInterface === wanted.vrfMasterInterface &&
    old.ipAddresses.length === wanted.ipAddresses.length &&
    old.ipAddresses.every((address, i) => address === wanted.ipAddresses[i])
  );
}

/** 0 stands for the default of the type, and for "leave it alone" where there is none. */
function mtuOf(value: Interface): number {
  if (value.mtu !== 0) return value.mtu;
  if (value.type === Type.LOOPBACK) return 65_536;
  return value.type === Type.EXISTING || value.type === Type.VRF_DEVICE ? 0 : 1500;
}

import { type Interface, VethLink_ChecksumOffloading as Offload, Interface_Type as Type } from "@nsmkit/api/linux";
import { FieldChecks } from "../field-checks.ts";
import { isAllocReference } from "../netalloc/reference.ts";
import { checkNamespace } from "./namespace-check.ts";

/** Name of the link in the kernel: a loopback is always `lo`, others default to the logical name. */
export function hostNameOf(value: Interface): string {
  if (value.type === Type.LOOPBACK) return "lo";
  return value.hostIfName || value.name;
}

/** How messages name an interface. */
export function interfaceTitle(name: string): string {
  return `linux.interfaces interface ${JSON.stringify(name)}`;
}

const linkFields = { veth: "veth", tap: "tap", vrfDev: "vrf_dev" } as const;
/** The part of the message that only one type has. */
const linkOfType: Partial<Record<Type, keyof typeof linkFields>> = {
  [Type.VETH]: "veth",
  [Type.TAP_TO_VPP]: "tap",
  [Type.VRF_DEVICE]: "vrfDev",
};

/**
 * Everything that can be wrong with an interface by itself.
 * @param vpp whether the agent manages a VPP, so that TAP_TO_VPP can work
 */
export function checkInterface(value: Interface, vpp: boolean): void {
  const checks = new FieldChecks(interfaceTitle(value.name));
  checks.required("name", value.name, "give every interface its own name");
  if (value.type !== Type.LOOPBACK) {
    if (value.hostIfName !== "") checks.linkName("host_if_name", value.hostIfName, "choose a shorter or simpler one");
    else if (value.name !== "") checks.linkName("name", value.name, "set host_if_name to the kernel's name for it");
  }
  checkNamespace(checks, value.namespace);
  checks.mac("phys_address", value.physAddress);
  // 68: RFC 791, the least that IPv4 can do with.
  if (value.mtu !== 0 && (value.mtu < 68 || value.mtu > 65_535))
    checks.wrong("mtu", `is ${value.mtu}, must be 68 to 65535 bytes, or 0 for the default`);
  checks.interfaceAddresses("ip_addresses", value.ipAddresses, value.name);
  if (value.vrfMasterInterface !== "" && value.vrfMasterInterface === value.name)
    checks.wrong("vrf_master_interface", "is the interface itself; name a VRF_DEVICE");
  checkLink(checks, value);
  checkType(checks, value, vpp);
  checks.throwIfAny();
}

function checkLink(checks: FieldChecks, value: Interface): void {
  const expected = linkOfType[value.type];
  const given = value.link.case;
  if (given === undefined || given === expected) return;
  checks.wrong(
    linkFields[given],
    `does not go with type ${Type[value.type]}; ${expected ? `write ${linkFields[expected]}` : "leave it out"}`,
  );
}

function checkType(checks: FieldChecks, value: Interface, vpp: boolean): void {
  switch (value.type) {
    case Type.UNDEFINED:
      checks.wrong("type", "is missing; write VETH, EXISTING, LOOPBACK, TAP_TO_VPP, VRF_DEVICE or DUMMY");
      break;
    case Type.EXISTING:
      if (value.namespace)
        checks.wrong(
          "namespace",
          "does not go with type EXISTING; only links of the agent's own namespace can be taken over",
        );
      for (const [i, address] of value.linkOnly ? value.ipAddresses.entries() : [])
        if (isAllocReference(address))
          checks.wrong(`ip_addresses[${i}]`, "is a reference, which does not go with link_only; write the address");
      break;
    case Type.VETH:
      if (value.link.case !== "veth" || value.link.value.peerIfName === "")
        checks.wrong(
          "veth.peer_if_name",
          "is missing; write the logical name of the other end, which must be declared too",
        );
      else if (value.link.value.peerIfName === value.name)
        checks.wrong("veth.peer_if_name", "is the interface itself; name the other end");
      if (value.link.case === "veth")
        for (const field of ["rx", "tx"] as const)
          if (value.link.value[`${field}ChecksumOffloading`] === Offload.CHKSM_OFFLOAD_DISABLED)
            checks.wrong(
              `veth.${field}_checksum_offloading`,
              "is CHKSM_OFFLOAD_DISABLED, which this agent cannot set; leave it out",
            );
      break;
    case Type.TAP_TO_VPP:
      if (value.link.case !== "tap" || value.link.value.vppTapIfName === "")
        checks.wrong("tap.vpp_tap_if_name", "is missing; write the logical name of the TAP on VPP's side");
      if (!vpp)
        checks.wrong("type", "is TAP_TO_VPP, which needs a VPP that makes the TAP; use nsm-agent-vpp, or a VETH");
      break;
    case Type.VRF_DEVICE:
      if (value.link.case !== "vrfDev" || value.link.value.routingTable === 0)
        checks.wrong("vrf_dev.routing_table", "is missing; write the number of the kernel's routing table, 1 or more");
      if (value.physAddress !== "") checks.wrong("phys_address", "does not go with type VRF_DEVICE; leave it out");
      if (value.vrfMasterInterface !== "")
        checks.wrong("vrf_master_interface", "does not go with type VRF_DEVICE; leave it out");
      break;
    case Type.LOOPBACK:
      if (value.hostIfName !== "" && value.hostIfName !== "lo")
        checks.wrong(
          "host_if_name",
          `is ${JSON.stringify(value.hostIfName)}, but the link of type LOOPBACK is always lo; leave it out`,
        );
      break;
    case Type.DUMMY:
      break;
  }
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { linuxInterfaceModel, parseValue } from "@nsmkit/api/model";
import { isCodedError } from "@nsmkit/core";
import { checkInterface } from "./interface-check.ts";

function refusal(value: object): { message: string; fields: unknown } {
  try {
    checkInterface(parseValue(linuxInterfaceModel, { name: "a", type: "EXISTING", ...value }), false);
  } catch (error) {
    assert.ok(isCodedError(error, "INVALID_CONFIG"), String(error));
    return {
      message: error.message.replace(/^linux.interfaces interface "[^"]*": /, ""),
      fields: error.details.fields,
    };
  }
  return assert.fail("was accepted");
}

const table: [what: string, value: object, message: string][] = [
  [
    "a logical name that is too long for the kernel",
    { name: "a-very-long-name" },
    'field "name" is "a-very-long-name" (16 characters), Linux allows 15; set host_if_name to the kernel\'s name for it',
  ],
  [
    "a host name that is too long",
    { hostIfName: "a-very-long-name" },
    'field "host_if_name" is "a-very-long-name" (16 characters), Linux allows 15; choose a shorter or simpler one',
  ],
  [
    "a host name with a slash",
    { hostIfName: "a/b" },
    'field "host_if_name" is "a/b", a link name has no blanks, "/" or ":"; choose a shorter or simpler one',
  ],
  [
    "a loopback under another name",
    { type: "LOOPBACK", hostIfName: "loop1" },
    'field "host_if_name" is "loop1", but the link of type LOOPBACK is always lo; leave it out',
  ],
  [
    "no type",
    { type: "UNDEFINED" },
    'field "type" is missing; write VETH, EXISTING, LOOPBACK, TAP_TO_VPP, VRF_DEVICE or DUMMY',
  ],
  [
    "an address without length",
    { ipAddresses: ["10.0.0.1"] },
    'field "ip_addresses[0]" is "10.0.0.1", must be an address with prefix length such as 10.0.0.1/24',
  ],
  [
    "an address that is none",
    { ipAddresses: ["10.0.0.1/24", "10.0.0.300/24"] },
    'field "ip_addresses[1]" is "10.0.0.300/24", must be an address with prefix length such as 10.0.0.1/24',
  ],
  [
    "a length that is none",
    { ipAddresses: ["10.0.0.1/33"] },
    'field "ip_addresses[0]" is "10.0.0.1/33", must be an address with prefix length such as 10.0.0.1/24',
  ],
  [
    "a multicast address",
    { ipAddresses: ["224.0.0.1/24"] },
    'field "ip_addresses[0]" is "224.0.0.1/24", which no interface can have; use a unicast address',
  ],
  [
    "an address twice",
    { ipAddresses: ["fd00::1/64", "FD00:0::1/64"] },
    'field "ip_addresses[1]" repeats ip_addresses[0] (fd00::1/64); keep one',
  ],
  [
    "a reference without network",
    { ipAddresses: ["alloc:"] },
    'field "ip_addresses[0]" is "alloc:", must be alloc:<network>/<interface>, with /GW at the end for the gateway',
  ],
  [
    "a MAC that is none",
    { physAddress: "02:00" },
    'field "phys_address" is "02:00", must be a MAC address such as 02:00:00:00:00:01',
  ],
  [
    "a group MAC",
    { physAddress: "01:00:5e:00:00:01" },
    'field "phys_address" is "01:00:5e:00:00:01", which is a group address; use one such as 02:00:00:00:00:01',
  ],
  ["an MTU below what IPv4 needs", { mtu: 60 }, 'field "mtu" is 60, must be 68 to 65535 bytes, or 0 for the default'],
  [
    "EXISTING with a veth link",
    { veth: { peerIfName: "b" } },
    'field "veth" does not go with type EXISTING; leave it out',
  ],
  [
    "EXISTING in another namespace",
    { namespace: { type: "NSID", reference: "x" } },
    'field "namespace" does not go with type EXISTING; only links of the agent\'s own namespace can be taken over',
  ],
  [
    "link_only with a reference",
    { linkOnly: true, ipAddresses: ["alloc:net"] },
    'field "ip_addresses[0]" is a reference, which does not go with link_only; write the address',
  ],
  [
    "a VETH without peer",
    { type: "VETH" },
    'field "veth.peer_if_name" is missing; write the logical name of the other end, which must be declared too',
  ],
  [
    "a VETH that is its own peer",
    { type: "VETH", veth: { peerIfName: "a" } },
    'field "veth.peer_if_name" is the interface itself; name the other end',
  ],
  [
    "offloading that cannot be set",
    { type: "VETH", veth: { peerIfName: "b", txChecksumOffloading: "CHKSM_OFFLOAD_DISABLED" } },
    'field "veth.tx_checksum_offloading" is CHKSM_OFFLOAD_DISABLED, which this agent cannot set; leave it out',
  ],
  [
    "a TAP without VPP",
    { type: "TAP_TO_VPP", tap: { vppTapIfName: "t" } },
    'field "type" is TAP_TO_VPP, which needs a VPP that makes the TAP; use nsm-agent-vpp, or a VETH',
  ],
  [
    "a VRF device with MAC",
    { type: "VRF_DEVICE", vrfDev: { routingTable: 10 }, physAddress: "02:00:00:00:00:01" },
    'field "phys_address" does not go with type VRF_DEVICE; leave it out',
  ],
  [
    "a VRF device without table",
    { type: "VRF_DEVICE" },
    'field "vrf_dev.routing_table" is missing; write the number of the kernel\'s routing table, 1 or more',
  ],
  [
    "an interface in itself",
    { type: "DUMMY", vrfMasterInterface: "a" },
    'field "vrf_master_interface" is the interface itself; name a VRF_DEVICE',
  ],
  [
    "a namespace without type",
    { type: "DUMMY", namespace: { reference: "x" } },
    'field "namespace.type" is missing; write NSID, PID, FD or MICROSERVICE, or leave the whole namespace out for the agent\'s own',
  ],
  [
    "a namespace without reference",
    { type: "DUMMY", namespace: { type: "NSID" } },
    'field "namespace.reference" is empty; write a name as in /run/netns, without slashes',
  ],
  [
    "a namespace name that leads elsewhere",
    { type: "DUMMY", namespace: { type: "NSID", reference: ".." } },
    'field "namespace.reference" is ".."; write a name as in /run/netns, without slashes',
  ],
  [
    "a process number that is none",
    { type: "DUMMY", namespace: { type: "PID", reference: "self" } },
    'field "namespace.reference" is "self"; write the number of a process',
  ],
  [
    "a relative namespace file",
    { type: "DUMMY", namespace: { type: "FD", reference: "ns" } },
    'field "namespace.reference" is "ns"; write the absolute path of a namespace file such as /proc/1/ns/net',
  ],
];

for (const [what, value, message] of table) {
  test(`${what} is refused with field, value and remedy`, () => {
    assert.equal(refusal(value).message, message);
  });
}

test("the fields of everything wrong are told", () => {
  assert.deepEqual(refusal({ mtu: 1, ipAddresses: ["x"] }).fields, ["mtu", "ip_addresses[0]"]);
});

test("a loopback may have a long logical name, because its link is always lo", () => {
  checkInterface(parseValue(linuxInterfaceModel, { name: "the-loopback-of-this-pod", type: "LOOPBACK" }), false);
});

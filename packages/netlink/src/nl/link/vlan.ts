/** vlan: IFLA_VLAN_* in linux/if_link.h; the parent is IFLA_LINK of the link itself. */
import type { VlanInfo } from "../../api/objects.ts";
import type { NewVlan } from "../../api/ops.ts";
import { invalid } from "../../names/invalid.ts";
import { checkVlanId } from "../../names/numbers.ts";
import { forEachAttribute, u16, u16be } from "../attributes.ts";
import type { MessageWriter } from "../writer.ts";

const IFLA_VLAN_ID = 1;
const IFLA_VLAN_PROTOCOL = 5;

/** EtherTypes (linux/if_ether.h). */
const ETH_P_8021Q = 0x8100;
const ETH_P_8021AD = 0x88a8;

export function writeVlan(writer: MessageWriter, link: NewVlan): void {
  const protocol = link.protocol ?? "802.1Q";
  if (protocol !== "802.1Q" && protocol !== "802.1ad")
    throw invalid("protocol", protocol, "is no VLAN protocol", 'use "802.1Q" or "802.1ad"');
  writer.attrU16(IFLA_VLAN_ID, checkVlanId(link.id, "id"));
  writer.attrU16be(IFLA_VLAN_PROTOCOL, protocol === "802.1Q" ? ETH_P_8021Q : ETH_P_8021AD);
}

export function readVlan(view: DataView, from: number, to: number): VlanInfo {
  let id = 0;
  let protocol: VlanInfo["protocol"] = "802.1Q";
  forEachAttribute(view, from, to, (type, start, end) => {
    if (type === IFLA_VLAN_ID) id = u16(view, start, end);
    else if (type === IFLA_VLAN_PROTOCOL) protocol = u16be(view, start, end) === ETH_P_8021AD ? "802.1ad" : "802.1Q";
  });
  return { kind: "vlan", id, protocol };
}

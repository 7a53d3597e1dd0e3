import type { LinkRef } from "../../api/objects.ts";
import type { LinkChanges, LinkFilter, NewLink } from "../../api/ops.ts";
import { checkInterfaceName } from "../../names/interface-name.ts";
import { invalid } from "../../names/invalid.ts";
import { parseLinkMac } from "../../names/mac.ts";
import { checkIndex, checkMtu, checkUint32 } from "../../names/numbers.ts";
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST } from "../message.ts";
import type { MessageWriter } from "../writer.ts";
import { writeBridge } from "./bridge.ts";
import { checkAlias, writeNewLinkCommon, writeNewLinkHeader } from "./common.ts";
import * as t from "./types.ts";
import { writeVeth } from "./veth.ts";
import { writeVlan } from "./vlan.ts";
import { writeVrf } from "./vrf.ts";
import { writeVxlan } from "./vxlan.ts";

/** Kinds made over rtnetlink; tap and tun are not. */
export type RtnetlinkNewLink = Exclude<NewLink, { kind: "tap" | "tun" }>;

/**
 * RTM_NEWLINK that fails if the name exists. Some settings need `encodeLinkSet` afterwards: the alias, a peer's master,
 * and "up" of both ends of a veth (veth_open() refuses while the other end is not there yet).
 */
export function encodeLinkAdd(writer: MessageWriter, link: RtnetlinkNewLink): void {
  writer.begin(t.RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  writeNewLinkHeader(writer, link.kind === "veth" ? {} : link);
  writeNewLinkCommon(writer, link);
  if (link.kind === "vlan") writer.attrLink(t.IFLA_LINK, link.link, "link");
  writer.nest(t.IFLA_LINKINFO, () => {
    writer.attrText(t.IFLA_INFO_KIND, link.kind);
    if (link.kind !== "dummy") writer.nest(t.IFLA_INFO_DATA, () => writeKind(writer, link));
  });
  writer.end();
}

function writeKind(writer: MessageWriter, link: Exclude<RtnetlinkNewLink, { kind: "dummy" }>): void {
  switch (link.kind) {
    case "veth":
      writeVeth(writer, link);
      break;
    case "vxlan":
      writeVxlan(writer, link);
      break;
    case "bridge":
      writeBridge(writer, link);
      break;
    case "vlan":
      writeVlan(writer, link);
      break;
    case "vrf":
      writeVrf(writer, link);
      break;
    default:
      throw invalid("kind", (link as { kind: unknown }).kind, "is no kind of link that nsmkit makes", "see NewLink");
  }
}

/** struct ifinfomsg and, for a reference by name, IFLA_IFNAME: the kernel looks it up itself. */
function writeTarget(writer: MessageWriter, link: LinkRef, flags = 0, change = 0): void {
  writer
    .u32(0)
    .u32(typeof link === "number" ? checkIndex(link, "link") : 0)
    .u32(flags)
    .u32(change);
  if (typeof link === "string") writer.attrText(t.IFLA_IFNAME, checkInterfaceName(link, "link"));
}

/** RTM_SETLINK; RTM_NEWLINK where settings of the kind change, because only that one reads IFLA_LINKINFO. */
export function encodeLinkSet(writer: MessageWriter, link: LinkRef, changes: LinkChanges): void {
  let flags = 0;
  let change = 0;
  const flag = (bit: number, value: boolean | undefined): void => {
    if (value === undefined) return;
    change |= bit;
    if (value) flags |= bit;
  };
  flag(t.IFF_UP, changes.up);
  flag(t.IFF_PROMISC, changes.promiscuous);
  flag(t.IFF_NOARP, changes.arp === undefined ? undefined : !changes.arp);

  writer.begin(changes.bridge ? t.RTM_NEWLINK : t.RTM_SETLINK, NLM_F_REQUEST);
  if (changes.name === undefined) {
    writeTarget(writer, link, flags, change);
  } else {
    // IFLA_IFNAME is the new name here, so the link itself has to be named by its index.
    writer.u32(0).link(link, "link").u32(flags).u32(change);
    writer.attrText(t.IFLA_IFNAME, checkInterfaceName(changes.name, "name"));
  }
  writeChanges(writer, changes);
  writer.end();
}

function writeChanges(writer: MessageWriter, changes: LinkChanges): void {
  if (changes.netns) writer.attrU32(t.IFLA_NET_NS_FD, changes.netns.fd);
  if (changes.mac !== undefined) writer.attrBytes(t.IFLA_ADDRESS, parseLinkMac(changes.mac, "mac"));
  if (changes.mtu !== undefined) writer.attrU32(t.IFLA_MTU, checkMtu(changes.mtu, "mtu"));
  if (changes.group !== undefined) writer.attrU32(t.IFLA_GROUP, checkUint32(changes.group, "group"));
  if (changes.txQueueLen !== undefined) writer.attrU32(t.IFLA_TXQLEN, checkUint32(changes.txQueueLen, "txQueueLen"));
  if (changes.alias !== undefined) {
    // Without a final zero byte: the kernel takes the length as it is, and length 0 removes the alias.
    writer.attrBytes(t.IFLA_IFALIAS, Buffer.from(checkAlias(changes.alias), "utf8"));
  }
  if (changes.master === null) writer.attrU32(t.IFLA_MASTER, 0);
  else if (changes.master !== undefined) writer.attrLink(t.IFLA_MASTER, changes.master, "master", changes.netns?.fd);
  const { bridge } = changes;
  if (bridge) {
    writer.nest(t.IFLA_LINKINFO, () => {
      writer.attrText(t.IFLA_INFO_KIND, "bridge");
      writer.nest(t.IFLA_INFO_DATA, () => writeBridge(writer, bridge));
    });
  }
}

export function encodeLinkDelete(writer: MessageWriter, link: LinkRef): void {
  writer.begin(t.RTM_DELLINK, NLM_F_REQUEST);
  writeTarget(writer, link);
  writer.end();
}

/** Deletes every link of a group in one step (rtnl_group_dellink() in net/core/rtnetlink.c). */
export function encodeGroupDelete(writer: MessageWriter, group: number): void {
  writer.begin(t.RTM_DELLINK, NLM_F_REQUEST);
  writer.u32(0).u32(0).u32(0).u32(0);
  writer.attrU32(t.IFLA_GROUP, group);
  writer.end();
}

export function encodeLinkGet(writer: MessageWriter, link: LinkRef, statistics = false): void {
  writer.begin(t.RTM_GETLINK, NLM_F_REQUEST);
  writeTarget(writer, link);
  if (!statistics) writer.attrU32(t.IFLA_EXT_MASK, t.RTEXT_FILTER_SKIP_STATS);
  writer.end();
}

export function encodeLinkList(writer: MessageWriter, filter: LinkFilter): void {
  writer.begin(t.RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP);
  writer.u32(0).u32(0).u32(0).u32(0);
  if (!filter.statistics) writer.attrU32(t.IFLA_EXT_MASK, t.RTEXT_FILTER_SKIP_STATS);
  if (filter.master !== undefined) writer.attrLink(t.IFLA_MASTER, filter.master, "master");
  const { kind } = filter;
  if (kind !== undefined) writer.nest(t.IFLA_LINKINFO, () => writer.attrText(t.IFLA_INFO_KIND, kind));
  writer.end();
}

/** What every new link can be given in the message that makes it. */
import type { NewLinkCommon } from "../../api/ops.ts";
import { checkInterfaceName } from "../../names/interface-name.ts";
import { invalid } from "../../names/invalid.ts";
import { parseLinkMac } from "../../names/mac.ts";
import { checkMtu, checkUint32 } from "../../names/numbers.ts";
import type { MessageWriter } from "../writer.ts";
import {
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_TXQLEN,
  maxAliasBytes,
} from "./types.ts";

/** struct ifinfomsg of a link to be made. */
export function writeNewLinkHeader(writer: MessageWriter, link: { readonly up?: boolean | undefined }): void {
  const flags = link.up ? IFF_UP : 0;
  writer.u32(0).u32(0).u32(flags).u32(flags);
}

type Common = { readonly [K in keyof NewLinkCommon]: NewLinkCommon[K] | undefined };

/** Attributes that apply to any kind. The alias cannot be set here: see `encodeLinkAdd`. */
export function writeNewLinkCommon(writer: MessageWriter, link: Common, prefix = ""): void {
  const field = (name: string): string => (prefix ? `${prefix}.${name}` : name);
  writer.attrText(IFLA_IFNAME, checkInterfaceName(link.name, field("name")));
  if (link.netns) writer.attrU32(IFLA_NET_NS_FD, link.netns.fd);
  if (link.mac !== undefined) writer.attrBytes(IFLA_ADDRESS, parseLinkMac(link.mac, field("mac")));
  if (link.mtu !== undefined) writer.attrU32(IFLA_MTU, checkMtu(link.mtu, field("mtu")));
  if (link.group !== undefined) writer.attrU32(IFLA_GROUP, checkUint32(link.group, field("group")));
  if (link.txQueueLen !== undefined) writer.attrU32(IFLA_TXQLEN, checkUint32(link.txQueueLen, field("txQueueLen")));
  if (link.master !== undefined) writer.attrLink(IFLA_MASTER, link.master, field("master"), link.netns?.fd);
}

/** @throws CodedError INVALID_ARGUMENT */
export function checkAlias(value: string, field = "alias"): string {
  const length = Buffer.byteLength(value, "utf8");
  if (length > maxAliasBytes) throw invalid(field, value, `is ${length} bytes long`, `use at most ${maxAliasBytes}`);
  if (value.includes("\0")) throw invalid(field, value, "contains a zero byte", "use printable text");
  return value;
}

/** vxlan: IFLA_VXLAN_* in linux/if_link.h, RFC 7348. */
import type { VxlanInfo } from "../../api/objects.ts";
import type { NewVxlan } from "../../api/ops.ts";
import { checkInteger, invalid } from "../../names/invalid.ts";
import { parseIp } from "../../names/ip.ts";
import { checkPort, checkVni } from "../../names/numbers.ts";
import { forEachAttribute, ip, u8, u16be, u32 } from "../attributes.ts";
import type { MessageWriter } from "../writer.ts";

const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_GROUP = 2;
const IFLA_VXLAN_LINK = 3;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_TTL = 5;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;
const IFLA_VXLAN_GROUP6 = 16;
const IFLA_VXLAN_LOCAL6 = 17;

const ianaPort = 4789;

export function writeVxlan(writer: MessageWriter, link: NewVxlan): void {
  const local = link.local === undefined ? undefined : parseIp(link.local, "local");
  const remote = link.remote === undefined ? undefined : parseIp(link.remote, "remote");
  if (local && remote && local.family !== remote.family)
    throw invalid(
      "remote",
      link.remote,
      `is not of the family of local ${link.local}`,
      "use two addresses of one family",
    );
  writer.attrU32(IFLA_VXLAN_ID, checkVni(link.id, "id"));
  if (remote) writer.attrBytes(remote.family === 4 ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6, remote.bytes);
  if (local) writer.attrBytes(local.family === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, local.bytes);
  if (link.link !== undefined) writer.attrLink(IFLA_VXLAN_LINK, link.link, "link");
  if (link.ttl !== undefined) writer.attrU8(IFLA_VXLAN_TTL, checkInteger(link.ttl, "ttl", 0, 255));
  writer.attrU8(IFLA_VXLAN_LEARNING, (link.learning ?? true) ? 1 : 0);
  writer.attrU16be(IFLA_VXLAN_PORT, checkPort(link.port ?? ianaPort, "port"));
}

export function readVxlan(view: DataView, from: number, to: number): VxlanInfo {
  let id = 0;
  let port = 0;
  let ttl = 0;
  let learning = false;
  let local: string | undefined;
  let remote: string | undefined;
  let link: number | undefined;
  forEachAttribute(view, from, to, (type, start, end) => {
    switch (type) {
      case IFLA_VXLAN_ID:
        id = u32(view, start, end);
        break;
      case IFLA_VXLAN_GROUP:
      case IFLA_VXLAN_GROUP6:
        remote = ip(view, start, end);
        break;
      case IFLA_VXLAN_LOCAL:
      case IFLA_VXLAN_LOCAL6:
        local = ip(view, start, end);
        break;
      case IFLA_VXLAN_LINK:
        link = u32(view, start, end);
        break;
      case IFLA_VXLAN_TTL:
        ttl = u8(view, start, end);
        break;
      case IFLA_VXLAN_LEARNING:
        learning = u8(view, start, end) !== 0;
        break;
      case IFLA_VXLAN_PORT:
        port = u16be(view, start, end);
        break;
    }
  });
  return {
    kind: "vxlan",
    id,
    port,
    ttl,
    learning,
    ...(local === undefined ? {} : { local }),
    ...(remote === undefined ? {} : { remote }),
    ...(link === undefined || link === 0 ? {} : { link }),
  };
}

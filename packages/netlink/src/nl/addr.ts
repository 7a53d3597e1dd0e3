/** Addresses: struct ifaddrmsg and IFA_* (linux/if_addr.h). */
import type { Addr } from "../api/objects.ts";
import type { AddrFilter, NewAddr } from "../api/ops.ts";
import { invalid } from "../names/invalid.ts";
import { parseCidr, parseIp } from "../names/ip.ts";
import { checkUint32 } from "../names/numbers.ts";
import { forEachAttribute, ip, text, u32 } from "./attributes.ts";
import { checkPrefixLength, familyNumber, familyOf, scopeNumber, scopeOf } from "./family.ts";
import { malformed, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST } from "./message.ts";
import type { MessageWriter } from "./writer.ts";

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

/** family u8, prefix length u8, flags u8, scope u8, index u32. */
const ifaddrmsgBytes = 8;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;

const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_PERMANENT = 0x80;
const IFA_F_NOPREFIXROUTE = 0x200;

const forEver = 0xffffffff;
const maxLabelBytes = 15;

export function encodeAddr(writer: MessageWriter, verb: "add" | "replace" | "delete", addr: NewAddr): void {
  const local = parseCidr(addr.address, "address");
  const far = addr.peer === undefined ? undefined : parseIp(addr.peer, "peer");
  if (far && far.family !== local.family)
    throw invalid("peer", addr.peer, `is not of the family of ${addr.address}`, "use two addresses of one family");
  writer.begin(verb === "delete" ? RTM_DELADDR : RTM_NEWADDR, NLM_F_REQUEST | verbFlags[verb]);
  writer
    .u8(familyNumber(local.family))
    .u8(local.length)
    .u8(0)
    .u8(scopeNumber(addr.scope ?? "global"));
  writer.link(addr.link, "link");
  writer.attrBytes(IFA_LOCAL, local.bytes).attrBytes(IFA_ADDRESS, (far ?? local).bytes);
  if (addr.broadcast !== undefined) {
    const broadcast = parseIp(addr.broadcast, "broadcast");
    if (local.family !== 4 || broadcast.family !== 4)
      throw invalid("broadcast", addr.broadcast, "does not fit", "only IPv4 has broadcast addresses");
    writer.attrBytes(IFA_BROADCAST, broadcast.bytes);
  }
  if (addr.label !== undefined) writer.attrText(IFA_LABEL, checkLabel(addr.label));
  const flags = (addr.nodad ? IFA_F_NODAD : 0) | (addr.noPrefixRoute ? IFA_F_NOPREFIXROUTE : 0);
  if (flags !== 0) writer.attrU32(IFA_FLAGS, flags);
  if (addr.validSeconds !== undefined || addr.preferredSeconds !== undefined) {
    const valid = checkUint32(addr.validSeconds ?? forEver, "validSeconds");
    const preferred = checkUint32(addr.preferredSeconds ?? valid, "preferredSeconds");
    if (preferred > valid)
      throw invalid("preferredSeconds", preferred, `is more than validSeconds ${valid}`, "lower it");
    writer.nestPlain(IFA_CACHEINFO, () => writer.u32(preferred).u32(valid).u32(0).u32(0));
  }
  writer.end();
}

const verbFlags = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE | NLM_F_REPLACE, delete: 0 } as const;

function checkLabel(label: string): string {
  const length = Buffer.byteLength(label, "utf8");
  if (length > 0 && length <= maxLabelBytes && !label.includes("\0")) return label;
  throw invalid("label", label, `is ${length} bytes long`, `use 1 to ${maxLabelBytes}`);
}

export function encodeAddrList(writer: MessageWriter, filter: AddrFilter): void {
  writer.begin(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
  writer.u8(familyNumber(filter.family)).u8(0).u8(0).u8(0);
  if (filter.link === undefined) writer.u32(0);
  else writer.link(filter.link, "link");
  writer.end();
}

/** @returns undefined for another family than IPv4 and IPv6. @throws CodedError PROTOCOL */
export function decodeAddr(view: DataView, from: number, to: number): Addr | undefined {
  if (to - from < ifaddrmsgBytes) throw malformed(`address message of ${to - from} bytes`);
  const family = familyOf(view.getUint8(from));
  if (family === undefined) return undefined;
  const length = checkPrefixLength(family, view.getUint8(from + 1));
  let flags = view.getUint8(from + 2);
  let address: string | undefined;
  let local: string | undefined;
  let broadcast: string | undefined;
  let label: string | undefined;
  let preferred = forEver;
  let valid = forEver;
  forEachAttribute(view, from + ifaddrmsgBytes, to, (type, start, end) => {
    if (type === IFA_ADDRESS) address = ip(view, start, end);
    else if (type === IFA_LOCAL) local = ip(view, start, end);
    else if (type === IFA_BROADCAST) broadcast = ip(view, start, end);
    else if (type === IFA_LABEL) label = text(view, start, end);
    else if (type === IFA_FLAGS) flags = u32(view, start, end);
    else if (type === IFA_CACHEINFO) [preferred, valid] = [u32(view, start, end), u32(view, start + 4, end)];
  });
  // IFA_ADDRESS is the far end on point-to-point links and the address itself elsewhere (comment in if_addr.h).
  const own = local ?? address;
  if (own === undefined) throw malformed("address message without an address");
  return {
    link: view.getUint32(from + 4, true),
    family,
    address: `${own}/${length}`,
    ...(address !== undefined && address !== own ? { peer: address } : {}),
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(label === undefined ? {} : { label }),
    scope: scopeOf(view.getUint8(from + 3)),
    permanent: (flags & IFA_F_PERMANENT) !== 0,
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
    flags,
    ...(valid === forEver ? {} : { validSeconds: valid }),
    ...(preferred === forEver ? {} : { preferredSeconds: preferred }),
  };
}

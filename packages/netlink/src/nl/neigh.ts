/** Neighbours: struct ndmsg, NDA_*, NUD_* and NTF_* (linux/neighbour.h). */
import type { Neigh, NeighState } from "../api/objects.ts";
import type { NeighFilter, NewNeigh } from "../api/ops.ts";
import { invalid } from "../names/invalid.ts";
import { parseIp } from "../names/ip.ts";
import { parseMac } from "../names/mac.ts";
import { forEachAttribute, ip, mac } from "./attributes.ts";
import { familyNumber, familyOf } from "./family.ts";
import { malformed, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST } from "./message.ts";
import type { MessageWriter } from "./writer.ts";

export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

/** family u8, pad u8, pad u16, index i32, state u16, flags u8, type u8. */
const ndmsgBytes = 12;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_IFINDEX = 8;

const NTF_PROXY = 0x08;
const NTF_ROUTER = 0x80;

const states: readonly (readonly [NeighState, number])[] = [
  ["none", 0x00],
  ["incomplete", 0x01],
  ["reachable", 0x02],
  ["stale", 0x04],
  ["delay", 0x08],
  ["probe", 0x10],
  ["failed", 0x20],
  ["noarp", 0x40],
  ["permanent", 0x80],
];

const verbFlags = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE | NLM_F_REPLACE, delete: 0 } as const;

export function encodeNeigh(writer: MessageWriter, verb: "add" | "replace" | "delete", neigh: NewNeigh): void {
  const address = parseIp(neigh.address, "address");
  const wanted = neigh.state ?? "permanent";
  const state = states.find(([name]) => name === wanted)?.[1];
  if (state === undefined)
    throw invalid("state", wanted, "is no neighbour state", `use one of ${states.map(([name]) => name).join(", ")}`);
  if (verb !== "delete" && neigh.mac === undefined && !neigh.proxy && wanted === "permanent")
    throw invalid("mac", undefined, "is missing", "a permanent neighbour needs its MAC address");
  writer.begin(verb === "delete" ? RTM_DELNEIGH : RTM_NEWNEIGH, NLM_F_REQUEST | verbFlags[verb]);
  writer.u8(familyNumber(address.family)).u8(0).u16(0).link(neigh.link, "link");
  writer.u16(verb === "delete" ? 0 : state);
  writer.u8((neigh.proxy ? NTF_PROXY : 0) | (neigh.router ? NTF_ROUTER : 0)).u8(0);
  writer.attrBytes(NDA_DST, address.bytes);
  if (neigh.mac !== undefined && verb !== "delete") writer.attrBytes(NDA_LLADDR, parseMac(neigh.mac, "mac"));
  writer.end();
}

export function encodeNeighList(writer: MessageWriter, filter: NeighFilter): void {
  writer.begin(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP);
  writer.u8(familyNumber(filter.family)).u8(0).u16(0).u32(0).u32(0);
  if (filter.link !== undefined) writer.attrLink(NDA_IFINDEX, filter.link, "link");
  writer.end();
}

/** @returns undefined for another family than IPv4 and IPv6. @throws CodedError PROTOCOL */
export function decodeNeigh(view: DataView, from: number, to: number): Neigh | undefined {
  if (to - from < ndmsgBytes) throw malformed(`neighbour message of ${to - from} bytes`);
  const family = familyOf(view.getUint8(from));
  if (family === undefined) return undefined;
  const state = view.getUint16(from + 8, true);
  const flags = view.getUint8(from + 10);
  let address: string | undefined;
  let hardware: string | undefined;
  forEachAttribute(view, from + ndmsgBytes, to, (type, start, end) => {
    if (type === NDA_DST) address = ip(view, start, end);
    else if (type === NDA_LLADDR) hardware = mac(view, start, end);
  });
  if (address === undefined) throw malformed("neighbour message without an address");
  return {
    link: view.getInt32(from + 4, true),
    family,
    address,
    ...(hardware === undefined ? {} : { mac: hardware }),
    state: states.find(([, bit]) => bit === state)?.[0] ?? "none",
    proxy: (flags & NTF_PROXY) !== 0,
    router: (flags & NTF_ROUTER) !== 0,
  };
}

import type { Link, LinkInfo, LinkStatistics, OperState } from "../../api/objects.ts";
import { bytesOf, forEachAttribute, i32, mac, text, u8, u32, u64 } from "../attributes.ts";
import { malformed } from "../message.ts";
import { readBridge } from "./bridge.ts";
import { readTun } from "./tun.ts";
import * as t from "./types.ts";
import { readVlan } from "./vlan.ts";
import { readVrf } from "./vrf.ts";
import { readVxlan } from "./vxlan.ts";

type ReadInfo = (view: DataView, from: number, to: number) => LinkInfo;

const readers: ReadonlyMap<string, ReadInfo> = new Map<string, ReadInfo>([
  ["veth", () => ({ kind: "veth" })],
  ["dummy", () => ({ kind: "dummy" })],
  ["vxlan", readVxlan],
  ["bridge", readBridge],
  ["vlan", readVlan],
  ["vrf", readVrf],
  ["tun", readTun],
]);

/** In the order of IF_OPER_* (linux/if.h). */
const operStates: readonly OperState[] = [
  "unknown",
  "not-present",
  "down",
  "lower-layer-down",
  "testing",
  "dormant",
  "up",
];

type Draft = { -readonly [K in keyof Link]: Link[K] };

/** The payload of RTM_NEWLINK / RTM_DELLINK. @param statistics read the counters too. @throws CodedError PROTOCOL */
export function decodeLink(view: DataView, from: number, to: number, statistics = false): Link {
  if (to - from < t.ifinfomsgBytes) throw malformed(`link message of ${to - from} bytes`);
  const flags = view.getUint32(from + 8, true);
  const link: Draft = {
    index: view.getInt32(from + 4, true),
    name: "",
    up: (flags & t.IFF_UP) !== 0,
    carrier: (flags & t.IFF_LOWER_UP) !== 0,
    loopback: (flags & t.IFF_LOOPBACK) !== 0,
    operState: "unknown",
    flags,
    mtu: 0,
    group: 0,
    txQueueLen: 0,
  };
  forEachAttribute(view, from + t.ifinfomsgBytes, to, (type, start, end) => {
    if (type !== t.IFLA_STATS64) readAttribute(link, view, type, start, end);
    else if (statistics) link.statistics = readStatistics(view, start, end);
  });
  return link;
}

function readAttribute(link: Draft, view: DataView, type: number, start: number, end: number): void {
  switch (type) {
    case t.IFLA_IFNAME:
      link.name = text(view, start, end);
      break;
    case t.IFLA_ADDRESS: {
      const address = mac(view, start, end);
      if (address !== undefined) link.mac = address;
      break;
    }
    case t.IFLA_MTU:
      link.mtu = u32(view, start, end);
      break;
    case t.IFLA_LINK:
      link.peer = u32(view, start, end);
      break;
    case t.IFLA_LINK_NETNSID:
      link.peerNetnsId = i32(view, start, end);
      break;
    case t.IFLA_MASTER:
      link.master = u32(view, start, end);
      break;
    case t.IFLA_TXQLEN:
      link.txQueueLen = u32(view, start, end);
      break;
    case t.IFLA_OPERSTATE:
      link.operState = operStates[u8(view, start, end)] ?? "unknown";
      break;
    case t.IFLA_IFALIAS:
      link.alias = text(view, start, end);
      break;
    case t.IFLA_GROUP:
      link.group = u32(view, start, end);
      break;
    case t.IFLA_LINKINFO:
      readLinkInfo(link, view, start, end);
      break;
  }
}

function readLinkInfo(link: Draft, view: DataView, from: number, to: number): void {
  let kind: string | undefined;
  let dataStart = to;
  let dataEnd = to;
  forEachAttribute(view, from, to, (type, start, end) => {
    if (type === t.IFLA_INFO_KIND) kind = text(view, start, end);
    else if (type === t.IFLA_INFO_DATA) [dataStart, dataEnd] = [start, end];
  });
  if (kind === undefined) return;
  link.kind = kind;
  const read = readers.get(kind);
  link.info = read ? read(view, dataStart, dataEnd) : { kind: "other", data: bytesOf(view, dataStart, dataEnd) };
}

/** struct rtnl_link_stats64: u64 each, in this order. */
function readStatistics(view: DataView, start: number, end: number): LinkStatistics {
  const counter = (index: number): number => u64(view, start + index * 8, end);
  return {
    rxPackets: counter(0),
    txPackets: counter(1),
    rxBytes: counter(2),
    txBytes: counter(3),
    rxErrors: counter(4),
    txErrors: counter(5),
    rxDropped: counter(6),
    txDropped: counter(7),
  };
}

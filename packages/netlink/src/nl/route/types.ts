/** Routes: struct rtmsg, struct rtnexthop, RTA_* and RTAX_* (linux/rtnetlink.h). */
import type { RouteType } from "../../api/objects.ts";
import { invalid } from "../../names/invalid.ts";

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

/** family, dst length, src length, tos, table, protocol, scope, type: u8 each; flags u32. */
export const rtmsgBytes = 12;
/** length u16, flags u8, hops u8, index i32. */
export const rtnexthopBytes = 8;

export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
export const RTA_PRIORITY = 6;
export const RTA_PREFSRC = 7;
export const RTA_METRICS = 8;
export const RTA_MULTIPATH = 9;
export const RTA_TABLE = 15;
export const RTA_VIA = 18;

export const RTAX_MTU = 2;

export const RTNH_F_ONLINK = 4;

export const RT_TABLE_UNSPEC = 0;
export const RT_TABLE_MAIN = 254;
export const RTPROT_STATIC = 4;

/** In the order of RTN_*, which starts with RTN_UNSPEC. */
const types: readonly RouteType[] = [
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
  "nat",
];

export function routeTypeNumber(type: RouteType): number {
  const index = types.indexOf(type);
  if (index < 0) throw invalid("type", type, "is no route type", `use one of ${types.join(", ")}`);
  return index + 1;
}

export const routeTypeOf = (number: number): RouteType => types[number - 1] ?? "unicast";

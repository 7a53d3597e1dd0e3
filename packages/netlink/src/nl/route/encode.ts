import type { NewNextHop, NewRoute, RouteFilter } from "../../api/ops.ts";
import { checkInteger, invalid } from "../../names/invalid.ts";
import { type Cidr, type Family, parseIp, parseNetwork } from "../../names/ip.ts";
import { checkMtu, checkTable, checkUint32 } from "../../names/numbers.ts";
import { AF_INET6, familyNumber, scopeNumber } from "../family.ts";
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST } from "../message.ts";
import type { MessageWriter } from "../writer.ts";
import * as t from "./types.ts";

export type RouteVerb = "add" | "replace" | "delete";

const verbFlags = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE | NLM_F_REPLACE, delete: 0 } as const;

export function encodeRoute(writer: MessageWriter, verb: RouteVerb, route: NewRoute): void {
  const destination = route.destination === "default" ? undefined : parseNetwork(route.destination, "destination");
  const family = familyOfRoute(route, destination);
  checkNextHops(route);
  const table = checkTable(route.table ?? t.RT_TABLE_MAIN, "table");
  writer.begin(verb === "delete" ? t.RTM_DELROUTE : t.RTM_NEWROUTE, NLM_F_REQUEST | verbFlags[verb]);
  writer
    .u8(familyNumber(family))
    .u8(destination?.length ?? 0)
    .u8(0)
    .u8(0);
  writer.u8(table < 256 ? table : t.RT_TABLE_UNSPEC);
  // On delete, 0 stands for "any" here.
  writer.u8(checkInteger(route.protocol ?? (verb === "delete" ? 0 : t.RTPROT_STATIC), "protocol", 0, 255));
  writer.u8(routeScope(verb, family, route));
  writer.u8(route.type === undefined && verb === "delete" ? 0 : t.routeTypeNumber(route.type ?? "unicast"));
  writer.u32(route.onlink ? t.RTNH_F_ONLINK : 0);
  if (destination && destination.length > 0) writer.attrBytes(t.RTA_DST, destination.bytes);
  if (table >= 256) writer.attrU32(t.RTA_TABLE, table);
  if (route.gateway !== undefined) writeGateway(writer, family, route.gateway);
  if (route.link !== undefined) writer.attrLink(t.RTA_OIF, route.link, "link");
  if (route.source !== undefined) writer.attrBytes(t.RTA_PREFSRC, sameFamily(route.source, "source", family));
  if (route.metric !== undefined) writer.attrU32(t.RTA_PRIORITY, checkUint32(route.metric, "metric"));
  const { mtu, multipath } = route;
  if (mtu !== undefined) writer.nest(t.RTA_METRICS, () => writer.attrU32(t.RTAX_MTU, checkMtu(mtu, "mtu")));
  if (multipath) {
    writer.nestPlain(t.RTA_MULTIPATH, () => {
      for (const hop of multipath) writeNextHop(writer, family, hop);
    });
  }
  writer.end();
}

function familyOfRoute(route: NewRoute, destination: Cidr | undefined): Family {
  if (destination) return destination.family;
  const gateway = route.gateway ?? route.multipath?.find((hop) => hop.gateway !== undefined)?.gateway;
  const implied = gateway ?? route.source;
  return route.family ?? (implied === undefined ? 4 : parseIp(implied, gateway ? "gateway" : "source").family);
}

/** Types that drop packets have no next hop; the others need one. */
function checkNextHops(route: NewRoute): void {
  if (!route.multipath) return;
  if (route.gateway !== undefined || route.link !== undefined)
    throw invalid("multipath", route.destination, "stands beside gateway or link", "give one or the other");
  if (route.multipath.length === 0)
    throw invalid("multipath", route.destination, "is empty", "leave it out or give next hops");
}

/** The defaults of iproute2 (iproute_modify() in ip/iproute.c). */
function routeScope(verb: RouteVerb, family: Family, route: NewRoute): number {
  if (route.scope !== undefined) return scopeNumber(route.scope);
  if (family === 6) return scopeNumber("global");
  switch (route.type ?? "unicast") {
    case "local":
    case "nat":
      return scopeNumber("host");
    case "broadcast":
    case "multicast":
    case "anycast":
      return scopeNumber("link");
    case "unicast":
      if (verb === "delete") return scopeNumber("nowhere");
      return scopeNumber(route.gateway === undefined && !route.multipath ? "link" : "global");
    default:
      return scopeNumber(verb === "delete" ? "nowhere" : "global");
  }
}

function sameFamily(value: string, field: string, family: Family): Uint8Array {
  const ip = parseIp(value, field);
  if (ip.family !== family) throw invalid(field, value, `is not IPv${family}`, "use the family of the destination");
  return ip.bytes;
}

/** An IPv4 route may have an IPv6 gateway (RFC 8950), given as struct rtvia; not the other way round. */
function writeGateway(writer: MessageWriter, family: Family, value: string): void {
  const gateway = parseIp(value, "gateway");
  if (gateway.family === family) {
    writer.attrBytes(t.RTA_GATEWAY, gateway.bytes);
  } else if (family === 4) {
    writer.nestPlain(t.RTA_VIA, () => writer.u16(AF_INET6).raw(gateway.bytes));
  } else {
    throw invalid("gateway", value, "is IPv4 in an IPv6 route", "use an IPv6 gateway");
  }
}

function writeNextHop(writer: MessageWriter, family: Family, hop: NewNextHop): void {
  const start = writer.length;
  const weight = checkInteger(hop.weight ?? 1, "weight", 1, 256);
  writer
    .u16(0)
    .u8(hop.onlink ? t.RTNH_F_ONLINK : 0)
    .u8(weight - 1);
  if (hop.link === undefined) writer.u32(0);
  else writer.link(hop.link, "link");
  if (hop.gateway !== undefined) writeGateway(writer, family, hop.gateway);
  writer.patchU16Length(start);
}

export function encodeRouteList(writer: MessageWriter, filter: RouteFilter): void {
  const table = filter.table === undefined ? 0 : checkTable(filter.table, "table");
  writer.begin(t.RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
  writer.u8(familyNumber(filter.family)).u8(0).u8(0).u8(0);
  writer.u8(table < 256 ? table : t.RT_TABLE_UNSPEC);
  writer.u8(filter.protocol === undefined ? 0 : checkInteger(filter.protocol, "protocol", 0, 255));
  writer.u8(0).u8(0).u32(0);
  if (table > 0) writer.attrU32(t.RTA_TABLE, table);
  if (filter.link !== undefined) writer.attrLink(t.RTA_OIF, filter.link, "link");
  writer.end();
}

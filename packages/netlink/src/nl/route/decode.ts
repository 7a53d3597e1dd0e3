import type { NextHop, Route } from "../../api/objects.ts";
import { forEachAttribute, ip, u32 } from "../attributes.ts";
import { checkPrefixLength, familyOf, scopeOf } from "../family.ts";
import { align4, malformed } from "../message.ts";
import * as t from "./types.ts";

type Draft = { -readonly [K in keyof Route]: Route[K] };

/** @returns undefined for another family than IPv4 and IPv6. @throws CodedError PROTOCOL */
export function decodeRoute(view: DataView, from: number, to: number): Route | undefined {
  if (to - from < t.rtmsgBytes) throw malformed(`route message of ${to - from} bytes`);
  const family = familyOf(view.getUint8(from));
  if (family === undefined) return undefined;
  const length = checkPrefixLength(family, view.getUint8(from + 1));
  const flags = view.getUint32(from + 8, true);
  const route: Draft = {
    family,
    destination: length === 0 ? "default" : "",
    type: t.routeTypeOf(view.getUint8(from + 7)),
    table: view.getUint8(from + 4),
    protocol: view.getUint8(from + 5),
    scope: scopeOf(view.getUint8(from + 6)),
    metric: 0,
    onlink: (flags & t.RTNH_F_ONLINK) !== 0,
    flags,
  };
  forEachAttribute(view, from + t.rtmsgBytes, to, (type, start, end) => {
    switch (type) {
      case t.RTA_DST:
        if (length > 0) route.destination = `${ip(view, start, end)}/${length}`;
        break;
      case t.RTA_TABLE:
        route.table = u32(view, start, end);
        break;
      case t.RTA_OIF:
        route.link = u32(view, start, end);
        break;
      case t.RTA_GATEWAY:
        route.gateway = ip(view, start, end);
        break;
      case t.RTA_VIA:
        route.gateway = via(view, start, end);
        break;
      case t.RTA_PREFSRC:
        route.source = ip(view, start, end);
        break;
      case t.RTA_PRIORITY:
        route.metric = u32(view, start, end);
        break;
      case t.RTA_METRICS:
        forEachAttribute(view, start, end, (metric, valueStart, valueEnd) => {
          if (metric === t.RTAX_MTU) route.mtu = u32(view, valueStart, valueEnd);
        });
        break;
      case t.RTA_MULTIPATH:
        route.multipath = nextHops(view, start, end);
        break;
    }
  });
  if (route.destination === "") throw malformed("route message without its destination");
  return route;
}

/** struct rtvia: family u16, then the address. */
function via(view: DataView, start: number, end: number): string {
  if (end - start < 2) throw malformed(`gateway of ${end - start} bytes`);
  return ip(view, start + 2, end);
}

function nextHops(view: DataView, from: number, to: number): NextHop[] {
  const hops: NextHop[] = [];
  let offset = from;
  while (to - offset >= t.rtnexthopBytes) {
    const length = view.getUint16(offset, true);
    if (length < t.rtnexthopBytes || length > to - offset) throw malformed(`next hop of ${length} bytes`);
    const link = view.getInt32(offset + 4, true);
    let gateway: string | undefined;
    forEachAttribute(view, offset + t.rtnexthopBytes, offset + length, (type, start, end) => {
      if (type === t.RTA_GATEWAY) gateway = ip(view, start, end);
      else if (type === t.RTA_VIA) gateway = via(view, start, end);
    });
    hops.push({
      weight: view.getUint8(offset + 3) + 1,
      onlink: (view.getUint8(offset + 2) & t.RTNH_F_ONLINK) !== 0,
      ...(link === 0 ? {} : { link }),
      ...(gateway === undefined ? {} : { gateway }),
    });
    offset += align4(length);
  }
  return hops;
}

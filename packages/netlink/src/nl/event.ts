/** Notifications of the multicast groups of rtnetlink (enum rtnetlink_groups, linux/rtnetlink.h). */
import type { MonitorAction, MonitorEvent, MonitorGroup } from "../api/monitor.ts";
import { decodeAddr, RTM_DELADDR, RTM_NEWADDR } from "./addr.ts";
import { AF_UNSPEC } from "./family.ts";
import { decodeLink } from "./link/decode.ts";
import { RTM_DELLINK, RTM_NEWLINK } from "./link/types.ts";
import type { Message } from "./message.ts";
import { decodeNeigh, RTM_DELNEIGH, RTM_NEWNEIGH } from "./neigh.ts";
import { decodeNsid, RTM_DELNSID, RTM_NEWNSID } from "./nsid.ts";
import { decodeRoute } from "./route/decode.ts";
import { RTM_DELROUTE, RTM_NEWROUTE } from "./route/types.ts";
import { decodeRule, RTM_DELRULE, RTM_NEWRULE } from "./rule.ts";

/** RTNLGRP_* numbers of each group: IPv4 and IPv6 where they differ. */
export const groupNumbers: Readonly<Record<MonitorGroup, readonly number[]>> = {
  link: [1],
  neigh: [3],
  addr: [5, 9],
  route: [7, 11],
  rule: [8, 19],
  nsid: [28],
};

/** Every kind of object has four message types in a row: new, delete, get, set (linux/rtnetlink.h, RTM_BASE 16). */
export function actionOf(type: number): MonitorAction | undefined {
  return type < 16 ? undefined : type % 4 === 0 ? "new" : type % 4 === 1 ? "delete" : undefined;
}

/** @returns undefined for messages of no interest. @throws CodedError PROTOCOL */
export function decodeEvent(view: DataView, { type, start, end }: Message): MonitorEvent | undefined {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // A bridge tells of its ports with the same types and its own family: "deleted" then means "left the bridge".
      if (end > start && view.getUint8(start) !== AF_UNSPEC) return undefined;
      return { type: "link", action: type === RTM_NEWLINK ? "new" : "delete", link: decodeLink(view, start, end) };
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const addr = decodeAddr(view, start, end);
      return addr && { type: "addr", action: type === RTM_NEWADDR ? "new" : "delete", addr };
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = decodeRoute(view, start, end);
      return route && { type: "route", action: type === RTM_NEWROUTE ? "new" : "delete", route };
    }
    case RTM_NEWRULE:
    case RTM_DELRULE: {
      const rule = decodeRule(view, start, end);
      return rule && { type: "rule", action: type === RTM_NEWRULE ? "new" : "delete", rule };
    }
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: {
      const neigh = decodeNeigh(view, start, end);
      return neigh && { type: "neigh", action: type === RTM_NEWNEIGH ? "new" : "delete", neigh };
    }
    case RTM_NEWNSID:
    case RTM_DELNSID: {
      const nsid = decodeNsid(view, start, end);
      return nsid === undefined ? undefined : { type: "nsid", action: type === RTM_NEWNSID ? "new" : "delete", nsid };
    }
    default:
      return undefined;
  }
}

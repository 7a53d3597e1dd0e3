/**
 * Builders of requests: pure functions, nothing is checked or sent here. The result types stay narrow, so that
 * `handle.batch([linkGet("a"), addrList()])` knows what each result holds.
 */
import type { Netns } from "./api/netns.ts";
import type { LinkRef } from "./api/objects.ts";
import type {
  AddrFilter,
  LinkChanges,
  LinkFilter,
  NeighFilter,
  NewAddr,
  NewLink,
  NewNeigh,
  NewRoute,
  NewRule,
  RouteFilter,
} from "./api/ops.ts";

export const linkAdd = (link: NewLink) => ({ op: "linkAdd", link }) as const;
export const linkSet = (link: LinkRef, changes: LinkChanges) => ({ op: "linkSet", link, changes }) as const;
export const linkDelete = (links: LinkRef | readonly LinkRef[]) =>
  ({ op: "linkDelete", links: typeof links === "object" ? links : [links] }) as const;
export const linkGet = (link: LinkRef, options: { readonly statistics?: boolean } = {}) =>
  ({ op: "linkGet", link, ...options }) as const;
export const linkList = (filter: LinkFilter = {}) => ({ op: "linkList", filter }) as const;

export const addrAdd = (addr: NewAddr) => ({ op: "addrAdd", addr }) as const;
export const addrReplace = (addr: NewAddr) => ({ op: "addrReplace", addr }) as const;
export const addrDelete = (addr: NewAddr) => ({ op: "addrDelete", addr }) as const;
export const addrList = (filter: AddrFilter = {}) => ({ op: "addrList", filter }) as const;

export const routeAdd = (route: NewRoute) => ({ op: "routeAdd", route }) as const;
export const routeReplace = (route: NewRoute) => ({ op: "routeReplace", route }) as const;
export const routeDelete = (route: NewRoute) => ({ op: "routeDelete", route }) as const;
export const routeList = (filter: RouteFilter = {}) => ({ op: "routeList", filter }) as const;

export const ruleAdd = (rule: NewRule) => ({ op: "ruleAdd", rule }) as const;
export const ruleDelete = (rule: NewRule) => ({ op: "ruleDelete", rule }) as const;
export const ruleList = (filter: { readonly family?: 4 | 6 } = {}) => ({ op: "ruleList", filter }) as const;

export const neighAdd = (neigh: NewNeigh) => ({ op: "neighAdd", neigh }) as const;
export const neighReplace = (neigh: NewNeigh) => ({ op: "neighReplace", neigh }) as const;
export const neighDelete = (neigh: NewNeigh) => ({ op: "neighDelete", neigh }) as const;
export const neighList = (filter: NeighFilter = {}) => ({ op: "neighList", filter }) as const;

export const nsidGet = (netns: Netns) => ({ op: "nsidGet", netns }) as const;
export const nsidSet = (netns: Netns, nsid?: number) =>
  ({ op: "nsidSet", netns, ...(nsid === undefined ? {} : { nsid }) }) as const;

export const sysctlGet = (name: string) => ({ op: "sysctlGet", name }) as const;
export const sysctlSet = (name: string, value: string) => ({ op: "sysctlSet", name, value }) as const;

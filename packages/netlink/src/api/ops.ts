import type { Netns } from "./netns.ts";
import type {
  Addr,
  AddrScope,
  Link,
  LinkRef,
  Neigh,
  NeighState,
  PortRange,
  Route,
  RouteType,
  Rule,
  RuleAction,
} from "./objects.ts";

/** Settings that every new link takes. Absent = the kernel's default. */
export interface NewLinkCommon {
  /** 1..15 bytes. */
  readonly name: string;
  /** Where the link appears; default: the namespace of the request. Underlay sockets (VXLAN) stay in the latter. */
  readonly netns?: Netns;
  readonly mac?: string;
  readonly mtu?: number;
  /** Up to 255 bytes. */
  readonly alias?: string;
  readonly group?: number;
  /** Bridge or VRF, in the namespace where the link appears. */
  readonly master?: LinkRef;
  readonly up?: boolean;
  readonly txQueueLen?: number;
}

export type NewLink =
  | (NewLinkCommon & { readonly kind: "dummy" })
  | NewVeth
  | NewVxlan
  | NewBridge
  | NewVlan
  | (NewLinkCommon & { readonly kind: "vrf"; readonly table: number })
  | NewTap;

export interface NewVeth extends NewLinkCommon {
  readonly kind: "veth";
  /** The other end, made in the same step, directly in its own namespace. */
  readonly peer: NewLinkCommon;
}

export interface NewVxlan extends NewLinkCommon {
  readonly kind: "vxlan";
  /** VNI, 0..2^24-1. */
  readonly id: number;
  readonly local?: string;
  /** Unicast remote or multicast group (the latter needs `link`). */
  readonly remote?: string;
  /** UDP destination port; default 4789 (RFC 7348), not the kernel's historic 8472. */
  readonly port?: number;
  /** Underlay link, in the namespace of the request. */
  readonly link?: LinkRef;
  /** Learn MAC -> remote from traffic; default true. */
  readonly learning?: boolean;
  readonly ttl?: number;
}

export interface BridgeOptions {
  readonly stp?: boolean;
  readonly vlanFiltering?: boolean;
  readonly ageingTimeMs?: number;
  readonly forwardDelayMs?: number;
}

export interface NewBridge extends NewLinkCommon, BridgeOptions {
  readonly kind: "bridge";
}

export interface NewVlan extends NewLinkCommon {
  readonly kind: "vlan";
  /** Parent, in the namespace of the request. */
  readonly link: LinkRef;
  /** 1..4094. */
  readonly id: number;
  readonly protocol?: "802.1Q" | "802.1ad";
}

/** A persistent tap or tun made through /dev/net/tun. */
export interface NewTap extends NewLinkCommon {
  readonly kind: "tap" | "tun";
  /** User and group ids that may attach to it. */
  readonly owner?: number;
  readonly ownerGroup?: number;
  readonly multiQueue?: boolean;
  readonly vnetHeader?: boolean;
}

/** Changes of a link. Absent = left alone. */
export interface LinkChanges {
  /** New name. The kernel renames a link that is up only since 6.2; set `up: false` in an earlier request before. */
  readonly name?: string;
  /** Moves the link; addresses and routes on it are lost, as always. */
  readonly netns?: Netns;
  readonly mac?: string;
  readonly mtu?: number;
  /** "" removes it. */
  readonly alias?: string;
  readonly group?: number;
  /** null frees it from its master. */
  readonly master?: LinkRef | null;
  readonly up?: boolean;
  readonly txQueueLen?: number;
  readonly arp?: boolean;
  readonly promiscuous?: boolean;
  /** For a bridge. */
  readonly bridge?: BridgeOptions;
}

export interface NewAddr {
  readonly link: LinkRef;
  /** With prefix length: "10.0.0.1/24", "fd00::1/64". */
  readonly address: string;
  /** Far end of a point-to-point link, address without length. */
  readonly peer?: string;
  readonly broadcast?: string;
  readonly scope?: AddrScope;
  /** IPv4 only, up to 15 bytes. */
  readonly label?: string;
  /** IPv6: skip duplicate address detection, so that the address works at once. */
  readonly nodad?: boolean;
  /** No route for the prefix is made. */
  readonly noPrefixRoute?: boolean;
  /** Seconds; absent = for ever. */
  readonly validSeconds?: number;
  readonly preferredSeconds?: number;
}

export interface NewNextHop {
  readonly gateway?: string;
  readonly link?: LinkRef;
  /** 1..256, default 1. */
  readonly weight?: number;
  readonly onlink?: boolean;
}

export interface NewRoute {
  /** Prefix (host bits must be zero) or "default" (then `family` decides when there is no gateway). */
  readonly destination: string;
  /** Needed only for "default" without a gateway; default 4. */
  readonly family?: 4 | 6;
  /** Default "unicast". */
  readonly type?: RouteType;
  readonly gateway?: string;
  readonly link?: LinkRef;
  readonly source?: string;
  /** Default 254 (main). */
  readonly table?: number;
  /** Default 4 (static). */
  readonly protocol?: number;
  /** Default as iproute2: host for local, link without gateway (IPv4), else global. */
  readonly scope?: AddrScope;
  /** RTA_PRIORITY; default the kernel's (0 for IPv4, 1024 for IPv6). */
  readonly metric?: number;
  /** The gateway is reachable on `link` though no address covers it. */
  readonly onlink?: boolean;
  readonly mtu?: number;
  readonly multipath?: readonly NewNextHop[];
}

export interface NewRule {
  /** Default: from `from` / `to`, else 4. */
  readonly family?: 4 | 6;
  /** Default: the kernel picks one just before the lowest existing. */
  readonly priority?: number;
  /** Default "table". */
  readonly action?: RuleAction;
  /** Needed for action "table". */
  readonly table?: number;
  readonly goto?: number;
  readonly from?: string;
  readonly to?: string;
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: number;
  readonly fwmask?: number;
  readonly ipProto?: number;
  readonly sourcePorts?: PortRange;
  readonly destinationPorts?: PortRange;
  readonly invert?: boolean;
  readonly protocol?: number;
}

export interface NewNeigh {
  readonly link: LinkRef;
  readonly address: string;
  readonly mac?: string;
  /** Default "permanent". */
  readonly state?: NeighState;
  readonly proxy?: boolean;
  readonly router?: boolean;
}

export interface LinkFilter {
  /** Only links of this kind, chosen in the kernel. */
  readonly kind?: string;
  /** Only ports of this bridge or VRF, chosen in the kernel. */
  readonly master?: LinkRef;
  /** Read the counters too; default false. */
  readonly statistics?: boolean;
}

export interface AddrFilter {
  readonly family?: 4 | 6;
  readonly link?: LinkRef;
}

export interface RouteFilter {
  readonly family?: 4 | 6;
  readonly table?: number;
  readonly link?: LinkRef;
  readonly protocol?: number;
}

export interface NeighFilter {
  readonly family?: 4 | 6;
  readonly link?: LinkRef;
}

/**
 * One request to the kernel as plain data. Made by the functions in `ops.ts` (`linkAdd(...)`, `addrAdd(...)`), run by
 * `Handle.batch` and `Netlink.execute`.
 */
export type Op =
  | { readonly op: "linkAdd"; readonly link: NewLink }
  | { readonly op: "linkSet"; readonly link: LinkRef; readonly changes: LinkChanges }
  | { readonly op: "linkDelete"; readonly links: readonly LinkRef[] }
  | { readonly op: "linkGet"; readonly link: LinkRef; readonly statistics?: boolean }
  | { readonly op: "linkList"; readonly filter: LinkFilter }
  | { readonly op: "addrAdd" | "addrReplace" | "addrDelete"; readonly addr: NewAddr }
  | { readonly op: "addrList"; readonly filter: AddrFilter }
  | { readonly op: "routeAdd" | "routeReplace" | "routeDelete"; readonly route: NewRoute }
  | { readonly op: "routeList"; readonly filter: RouteFilter }
  | { readonly op: "ruleAdd" | "ruleDelete"; readonly rule: NewRule }
  | { readonly op: "ruleList"; readonly filter: { readonly family?: 4 | 6 } }
  | { readonly op: "neighAdd" | "neighReplace" | "neighDelete"; readonly neigh: NewNeigh }
  | { readonly op: "neighList"; readonly filter: NeighFilter }
  | { readonly op: "nsidGet"; readonly netns: Netns }
  | { readonly op: "nsidSet"; readonly netns: Netns; readonly nsid?: number }
  | { readonly op: "sysctlGet"; readonly name: string }
  | { readonly op: "sysctlSet"; readonly name: string; readonly value: string };

/** What each successful op gives. */
export interface OpValues {
  linkAdd: undefined;
  linkSet: undefined;
  linkDelete: undefined;
  linkGet: Link;
  linkList: readonly Link[];
  addrAdd: undefined;
  addrReplace: undefined;
  addrDelete: undefined;
  addrList: readonly Addr[];
  routeAdd: undefined;
  routeReplace: undefined;
  routeDelete: undefined;
  routeList: readonly Route[];
  ruleAdd: undefined;
  ruleDelete: undefined;
  ruleList: readonly Rule[];
  neighAdd: undefined;
  neighReplace: undefined;
  neighDelete: undefined;
  neighList: readonly Neigh[];
  /** Absent when the namespace has no id here. */
  nsidGet: number | undefined;
  nsidSet: undefined;
  /** File content without the final newline. */
  sysctlGet: string;
  sysctlSet: undefined;
}

export type OpName = keyof OpValues;
export type OpValue<O extends Op> = OpValues[O["op"]];

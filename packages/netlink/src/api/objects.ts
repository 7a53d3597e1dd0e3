/**
 * Kernel objects as callers see them. Addresses are canonical text ("10.0.0.1", "fd00::1"), prefixes are
 * "address/length", MACs are lower-case "02:00:00:00:00:01", links inside other objects are interface indexes.
 */

/** An interface of one namespace: by name (1..15 bytes) or by index (> 0). */
export type LinkRef = string | number;

/** IFLA_OPERSTATE (RFC 2863): what the driver says, not what the administrator asked for. */
export type OperState = "unknown" | "not-present" | "down" | "lower-layer-down" | "testing" | "dormant" | "up";

/** Counters since the link was made (struct rtnl_link_stats64, linux/if_link.h). */
export interface LinkStatistics {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

/** What one kind of link has beyond the common part. Kinds without their own file come as `other`. */
export type LinkInfo =
  | { readonly kind: "veth" | "dummy" }
  | VxlanInfo
  | BridgeInfo
  | VlanInfo
  | { readonly kind: "vrf"; readonly table: number }
  | TunInfo
  | { readonly kind: "other"; readonly data: Uint8Array };

export interface VxlanInfo {
  readonly kind: "vxlan";
  readonly id: number;
  readonly local?: string;
  /** Unicast remote or multicast group. */
  readonly remote?: string;
  /** UDP destination port. */
  readonly port: number;
  /** Index of the underlay link. */
  readonly link?: number;
  readonly learning: boolean;
  readonly ttl: number;
}

export interface BridgeInfo {
  readonly kind: "bridge";
  readonly stp: boolean;
  readonly vlanFiltering: boolean;
  readonly ageingTimeMs: number;
  readonly forwardDelayMs: number;
}

export interface VlanInfo {
  readonly kind: "vlan";
  readonly id: number;
  readonly protocol: "802.1Q" | "802.1ad";
}

export interface TunInfo {
  readonly kind: "tun";
  readonly mode: "tun" | "tap";
  readonly persist: boolean;
}

/** A link as read from the kernel. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND; absent for hardware and loopback. "tun" covers tap too: see `info.mode`. */
  readonly kind?: string;
  readonly info?: LinkInfo;
  /** IFF_UP: the administrator set it up. */
  readonly up: boolean;
  /** IFF_LOWER_UP: there is a carrier. */
  readonly carrier: boolean;
  readonly loopback: boolean;
  readonly operState: OperState;
  /** All IFF_ bits (linux/if.h). */
  readonly flags: number;
  readonly mtu: number;
  /** Absent where the link layer has no 6-byte address. */
  readonly mac?: string;
  /** IFLA_IFALIAS: where nsmkit keeps its ownership mark. */
  readonly alias?: string;
  readonly group: number;
  readonly txQueueLen: number;
  /** Index of the bridge or VRF that this link belongs to. */
  readonly master?: number;
  /** IFLA_LINK: veth peer, VLAN parent. An index in namespace `peerNetnsId` when that is set, else in this one. */
  readonly peer?: number;
  /** IFLA_LINK_NETNSID; -1 when the other namespace has no id here. */
  readonly peerNetnsId?: number;
  /** Only when the list was asked for it. */
  readonly statistics?: LinkStatistics;
}

export type AddrScope = "global" | "site" | "link" | "host" | "nowhere";

/** An address as read from the kernel. */
export interface Addr {
  readonly link: number;
  readonly family: 4 | 6;
  /** The local address with its prefix length: "10.0.0.1/24". */
  readonly address: string;
  /** Far end of a point-to-point address. */
  readonly peer?: string;
  readonly broadcast?: string;
  readonly label?: string;
  readonly scope: AddrScope;
  /** IFA_F_PERMANENT: not from autoconfiguration. */
  readonly permanent: boolean;
  /** IPv6 duplicate address detection has not finished. */
  readonly tentative: boolean;
  readonly dadFailed: boolean;
  /** All IFA_F_ bits (linux/if_addr.h). */
  readonly flags: number;
  /** Seconds; absent = for ever. */
  readonly validSeconds?: number;
  readonly preferredSeconds?: number;
}

export type RouteType =
  | "unicast"
  | "local"
  | "broadcast"
  | "anycast"
  | "multicast"
  | "blackhole"
  | "unreachable"
  | "prohibit"
  | "throw"
  | "nat";

export interface NextHop {
  readonly gateway?: string;
  readonly link?: number;
  /** 1..256. */
  readonly weight: number;
  readonly onlink: boolean;
}

/** A route as read from the kernel. */
export interface Route {
  readonly family: 4 | 6;
  /** Prefix, or "default". */
  readonly destination: string;
  readonly type: RouteType;
  /** 254 = main, 255 = local. */
  readonly table: number;
  /** RTPROT_: 2 kernel, 3 boot, 4 static, other numbers by /etc/iproute2/rt_protos. */
  readonly protocol: number;
  readonly scope: AddrScope;
  readonly gateway?: string;
  readonly link?: number;
  /** Preferred source address. */
  readonly source?: string;
  /** RTA_PRIORITY. 0 where the kernel sent none. */
  readonly metric: number;
  readonly onlink: boolean;
  readonly mtu?: number;
  /** More than one next hop. */
  readonly multipath?: readonly NextHop[];
  /** All RTNH_F_ / RTM_F_ bits. */
  readonly flags: number;
}

export type RuleAction = "table" | "goto" | "nop" | "blackhole" | "unreachable" | "prohibit";

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** A policy routing rule as read from the kernel. Absent selector = matches all. */
export interface Rule {
  readonly family: 4 | 6;
  readonly priority: number;
  readonly action: RuleAction;
  readonly table: number;
  readonly from?: string;
  readonly to?: string;
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: number;
  readonly fwmask?: number;
  /** IP protocol number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6. */
  readonly ipProto?: number;
  readonly sourcePorts?: PortRange;
  readonly destinationPorts?: PortRange;
  readonly invert: boolean;
  readonly goto?: number;
  /** RTPROT_ of whoever added it. */
  readonly protocol: number;
}

export type NeighState =
  | "none"
  | "incomplete"
  | "reachable"
  | "stale"
  | "delay"
  | "probe"
  | "failed"
  | "noarp"
  | "permanent";

/** A neighbour (ARP / NDP) entry as read from the kernel. */
export interface Neigh {
  readonly link: number;
  readonly family: 4 | 6;
  readonly address: string;
  readonly mac?: string;
  readonly state: NeighState;
  readonly proxy: boolean;
  readonly router: boolean;
}

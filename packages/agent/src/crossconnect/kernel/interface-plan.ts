/** What a connection asks of one network namespace, as plain data in canonical text, so that equal plans are equal JSON. */
export interface InterfacePlan {
  /** 1..15 bytes, checked. */
  readonly name: string;
  /** Undefined = the kernel's default. */
  readonly mtu?: number;
  /**
   * False: nobody has a use for IPv6 on this link, so it is switched off. The kernel walks through all IPv6 routes of a
   * namespace whenever a link with IPv6 comes up (rt6_sync_up() in net/ipv6/route.c), which is felt from a few hundred
   * links on.
   */
  readonly ipv6: boolean;
  /** "address/length". */
  readonly addresses: readonly string[];
  readonly routes: readonly RoutePlan[];
  readonly neighbors: readonly NeighborPlan[];
  readonly policies: readonly PolicyPlan[];
}

export interface RoutePlan {
  /** Host bits are zero; "0.0.0.0/0" for all. */
  readonly destination: string;
  /** Undefined = the destination is on the link itself. */
  readonly gateway?: string;
}

export interface NeighborPlan {
  readonly ip: string;
  readonly mac: string;
}

/** A policy rule and the routes of its table. */
export interface PolicyPlan {
  readonly selector: PolicySelector;
  readonly table: number;
  readonly routes: readonly RoutePlan[];
}

export interface PortSpan {
  readonly from: number;
  readonly to: number;
}

/** What packets a policy is for. Two policies of one interface never have equal selectors. */
export interface PolicySelector {
  readonly family: 4 | 6;
  readonly from?: string;
  readonly ipProto?: number;
  readonly sourcePorts?: PortSpan;
  readonly destinationPorts?: PortSpan;
}

export const emptyPlan = (name: string): InterfacePlan => ({
  name,
  ipv6: true,
  addresses: [],
  routes: [],
  neighbors: [],
  policies: [],
});

/** Equal for equal selectors, whatever order their fields were written in. */
export function selectorKey(selector: PolicySelector): string {
  const { family, from, ipProto, sourcePorts: s, destinationPorts: d } = selector;
  return [family, from ?? "", ipProto ?? "", s ? `${s.from}-${s.to}` : "", d ? `${d.from}-${d.to}` : ""].join(";");
}

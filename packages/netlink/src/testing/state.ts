/** The fake kernel's tables. */
import { constants } from "node:os";
import type { MonitorAction, MonitorEvent, MonitorGroup } from "../api/monitor.ts";
import type { Addr, Link, LinkInfo, LinkRef, Neigh, Route, Rule } from "../api/objects.ts";
import type { EventQueue } from "../event-queue.ts";
import type { UnitFailure } from "../worker/protocol.ts";

/** What the kernel would answer: thrown by the tables, turned into the same error as the real one's. */
export class Refusal extends Error {
  readonly failure: UnitFailure;
  constructor(errno: keyof typeof constants.errno, rest: Omit<UnitFailure, "errno"> = {}) {
    super(errno);
    this.failure = { errno: constants.errno[errno], ...rest };
  }
}

export interface FakeLink {
  readonly kind?: string;
  info?: LinkInfo;
  index: number;
  name: string;
  up: boolean;
  mtu: number;
  mac: string;
  alias?: string;
  group: number;
  txQueueLen: number;
  promiscuous: boolean;
  arp: boolean;
  readonly loopback: boolean;
  netns: NamespaceState;
  master?: FakeLink;
  /** The other end of a veth, or a VLAN's parent. */
  peer?: FakeLink;
}

export interface Subscription {
  readonly groups: ReadonlySet<MonitorGroup>;
  readonly actions: readonly MonitorAction[];
  readonly queue: EventQueue;
}

export class NamespaceState {
  readonly dev = 4;
  readonly ino: number;
  readonly links = new Map<number, FakeLink>();
  readonly addrs: Addr[] = [];
  readonly routes: Route[] = [];
  readonly rules: Rule[] = defaultRules();
  readonly neighs: Neigh[] = [];
  readonly sysctls = new Map<string, string>();
  readonly nsids = new Map<NamespaceState, number>();
  readonly subscriptions = new Set<Subscription>();
  #nextIndex = 1;

  constructor(ino: number) {
    this.ino = ino;
    this.attach(newLink(this, { name: "lo", mac: "00:00:00:00:00:00", mtu: 65536, loopback: true }));
  }

  /** Gives a link its place here. */
  attach(link: FakeLink): void {
    link.netns = this;
    link.index = this.#nextIndex++;
    this.links.set(link.index, link);
  }

  find(ref: LinkRef): FakeLink | undefined {
    if (typeof ref === "number") return this.links.get(ref);
    for (const link of this.links.values()) if (link.name === ref) return link;
    return undefined;
  }

  /** For references that the kernel resolves itself. */
  need(ref: LinkRef): FakeLink {
    const link = this.find(ref);
    if (!link) throw new Refusal("ENODEV");
    return link;
  }

  /** For references that are looked up before the request is sent: see `LinkNames`. */
  resolve(ref: LinkRef): FakeLink {
    const link = this.find(ref);
    if (!link) throw new Refusal("ENODEV", typeof ref === "string" ? { missingLink: ref } : {});
    return link;
  }

  /** The id of another namespace here, given on first use, as the kernel does for a veth peer. */
  nsidOf(other: NamespaceState): number {
    const known = this.nsids.get(other);
    if (known !== undefined) return known;
    const nsid = this.freeNsid();
    this.nsids.set(other, nsid);
    this.tell("nsid", { type: "nsid", action: "new", nsid });
    return nsid;
  }

  freeNsid(): number {
    const taken = new Set(this.nsids.values());
    let nsid = 0;
    while (taken.has(nsid)) nsid++;
    return nsid;
  }

  tell(group: MonitorGroup, event: MonitorEvent): void {
    for (const { groups, actions, queue } of this.subscriptions)
      if (groups.has(group) && (event.type === "overrun" || actions.includes(event.action))) queue.push(event);
  }
}

export function newLink(netns: NamespaceState, parts: Partial<FakeLink> & Pick<FakeLink, "name" | "mac">): FakeLink {
  return {
    index: 0,
    up: false,
    mtu: 1500,
    group: 0,
    txQueueLen: 1000,
    promiscuous: false,
    arp: true,
    loopback: false,
    netns,
    ...parts,
  };
}

const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_NOARP = 0x80;
const IFF_PROMISC = 0x100;
const IFF_LOWER_UP = 0x10000;

/** Up on both ends, as a cable. */
export const hasCarrier = (link: FakeLink): boolean => link.up && (link.kind !== "veth" || (link.peer?.up ?? false));

/** The link as the kernel would report it. */
export function snapshot(link: FakeLink): Link {
  const carrier = hasCarrier(link);
  const { peer, netns } = link;
  const flags =
    (link.up ? IFF_UP : 0) |
    (link.loopback ? IFF_LOOPBACK : 0) |
    (link.arp ? 0 : IFF_NOARP) |
    (link.promiscuous ? IFF_PROMISC : 0) |
    (carrier ? IFF_LOWER_UP : 0);
  return {
    index: link.index,
    name: link.name,
    ...(link.kind === undefined ? {} : { kind: link.kind === "tap" ? "tun" : link.kind }),
    ...(link.info ? { info: link.info } : {}),
    up: link.up,
    carrier,
    loopback: link.loopback,
    operState: link.loopback && link.up ? "unknown" : carrier ? "up" : link.up ? "lower-layer-down" : "down",
    flags,
    mtu: link.mtu,
    mac: link.mac,
    ...(link.alias === undefined ? {} : { alias: link.alias }),
    group: link.group,
    txQueueLen: link.txQueueLen,
    ...(link.master ? { master: link.master.index } : {}),
    ...(peer ? { peer: peer.index } : {}),
    ...(peer && peer.netns !== netns ? { peerNetnsId: netns.nsidOf(peer.netns) } : {}),
  };
}

/** The rules that every namespace starts with (fib_default_rules_init()). */
function defaultRules(): Rule[] {
  const rule = (family: 4 | 6, priority: number, table: number): Rule => ({
    family,
    priority,
    action: "table",
    table,
    invert: false,
    protocol: 2,
  });
  return [rule(4, 0, 255), rule(4, 32766, 254), rule(4, 32767, 253), rule(6, 0, 255), rule(6, 32766, 254)];
}

import type { Link, LinkInfo, LinkRef } from "../api/objects.ts";
import type { LinkChanges, LinkFilter, NewLink, NewLinkCommon } from "../api/ops.ts";
import type { UnitFailure } from "../worker/protocol.ts";
import { dropRoutesOf, refreshConnected } from "./connected-routes.ts";
import { type FakeLink, type NamespaceState, newLink, Refusal, snapshot } from "./state.ts";

/** How the tables find the state behind a `Netns` of the interface. */
export type StateOf = (netns: NonNullable<NewLinkCommon["netns"]>) => NamespaceState;

/** Bytes in front of the inner packet: VXLAN, UDP and IPv4 headers. */
const vxlanOverhead = 50;

let nextMac = 1;
function randomMac(): string {
  const number = nextMac++;
  const bytes = [24, 16, 8, 0].map((shift) => ((number >>> shift) & 0xff).toString(16).padStart(2, "0"));
  return `06:00:${bytes.join(":")}`;
}

export function addLink(
  state: NamespaceState,
  wanted: NewLink,
  stateOf: StateOf,
  unsupported: ReadonlySet<string>,
): void {
  if (unsupported.has(wanted.kind)) throw new Refusal("EOPNOTSUPP", { message: "Unknown device type" });
  const link = prepare(state, wanted, stateOf, wanted.kind, infoOf(state, wanted));
  if (wanted.kind === "vlan") link.peer = state.resolve(wanted.link);
  if (wanted.kind === "vxlan" && wanted.mtu === undefined) link.mtu = 1500 - vxlanOverhead;
  if (wanted.kind !== "veth") {
    place(link, wanted.up);
    return;
  }
  const peer = prepare(state, wanted.peer, stateOf, "veth", { kind: "veth" });
  if (peer.netns === link.netns && peer.name === link.name) throw new Refusal("EEXIST");
  link.peer = peer;
  peer.peer = link;
  // Both ends are numbered before either is told of.
  link.netns.attach(link);
  peer.netns.attach(peer);
  setUp(link, wanted.up ?? false);
  setUp(peer, wanted.peer.up ?? false);
  announce(link);
  announce(peer);
}

/** Checked, but not yet in its namespace: a refusal leaves nothing behind. */
function prepare(
  state: NamespaceState,
  wanted: NewLinkCommon,
  stateOf: StateOf,
  kind: string,
  info: LinkInfo,
): FakeLink {
  const netns = wanted.netns ? stateOf(wanted.netns) : state;
  if (netns.find(wanted.name)) throw new Refusal("EEXIST");
  const master = wanted.master === undefined ? undefined : needMaster(netns, wanted.master);
  return newLink(netns, {
    kind,
    info,
    name: wanted.name,
    mac: wanted.mac?.toLowerCase() ?? randomMac(),
    ...(wanted.mtu === undefined ? {} : { mtu: wanted.mtu }),
    ...(wanted.alias === undefined || wanted.alias === "" ? {} : { alias: wanted.alias }),
    ...(wanted.group === undefined ? {} : { group: wanted.group }),
    ...(wanted.txQueueLen === undefined ? {} : { txQueueLen: wanted.txQueueLen }),
    ...(master ? { master } : {}),
  });
}

function place(link: FakeLink, up = false): void {
  link.netns.attach(link);
  setUp(link, up);
  announce(link);
}

function infoOf(state: NamespaceState, wanted: NewLink): LinkInfo {
  switch (wanted.kind) {
    case "vxlan": {
      const { id, local, remote, port = 4789, learning = true, ttl = 0 } = wanted;
      const link = wanted.link === undefined ? {} : { link: state.resolve(wanted.link).index };
      return {
        kind: "vxlan",
        id,
        port,
        learning,
        ttl,
        ...(local ? { local } : {}),
        ...(remote ? { remote } : {}),
        ...link,
      };
    }
    case "bridge": {
      const { stp = false, vlanFiltering = false, ageingTimeMs = 300_000, forwardDelayMs = 15_000 } = wanted;
      return { kind: "bridge", stp, vlanFiltering, ageingTimeMs, forwardDelayMs };
    }
    case "vlan":
      return { kind: "vlan", id: wanted.id, protocol: wanted.protocol ?? "802.1Q" };
    case "vrf":
      return { kind: "vrf", table: wanted.table };
    case "tap":
    case "tun":
      return { kind: "tun", mode: wanted.kind, persist: true };
    default:
      return { kind: wanted.kind };
  }
}

function needMaster(netns: NamespaceState, ref: LinkRef): FakeLink {
  const master = netns.resolve(ref);
  if (master.kind !== "bridge" && master.kind !== "vrf") throw new Refusal("EOPNOTSUPP");
  return master;
}

export function setLink(state: NamespaceState, ref: LinkRef, changes: LinkChanges, stateOf: StateOf): void {
  // Only renaming looks the link up by itself: see `encodeLinkSet`.
  const link = changes.name === undefined ? state.need(ref) : state.resolve(ref);
  const target = changes.netns ? stateOf(changes.netns) : state;
  const name = changes.name ?? link.name;
  const holder = target.find(name);
  if (holder && holder !== link) throw new Refusal("EEXIST");
  if (target !== state && link.loopback) throw new Refusal("EINVAL", { message: "The interface netns is immutable" });
  const wanted = changes.master;
  const master = wanted === undefined || wanted === null ? wanted : needMaster(target, wanted);
  if (changes.bridge && link.info?.kind !== "bridge") throw new Refusal("EOPNOTSUPP");
  if (target !== state) move(link, target);
  link.name = name;
  if (changes.mac !== undefined) link.mac = changes.mac.toLowerCase();
  if (changes.mtu !== undefined) link.mtu = changes.mtu;
  if (changes.group !== undefined) link.group = changes.group;
  if (changes.txQueueLen !== undefined) link.txQueueLen = changes.txQueueLen;
  if (changes.arp !== undefined) link.arp = changes.arp;
  if (changes.promiscuous !== undefined) link.promiscuous = changes.promiscuous;
  if (changes.alias === "") delete link.alias;
  else if (changes.alias !== undefined) link.alias = changes.alias;
  if (master === null) delete link.master;
  else if (master) link.master = master;
  if (link.info?.kind === "bridge" && changes.bridge) link.info = { ...link.info, ...changes.bridge };
  if (changes.up !== undefined) setUp(link, changes.up);
  announce(link);
}

/** Addresses, routes, neighbours and the master stay behind. */
function move(link: FakeLink, target: NamespaceState): void {
  detach(link);
  delete link.master;
  link.up = false;
  target.attach(link);
}

function detach(link: FakeLink): void {
  const { netns } = link;
  dropRoutesOf(link);
  for (const addr of netns.addrs.filter((each) => each.link === link.index)) {
    netns.addrs.splice(netns.addrs.indexOf(addr), 1);
    netns.tell("addr", { type: "addr", action: "delete", addr });
  }
  for (const neigh of netns.neighs.filter((each) => each.link === link.index))
    netns.neighs.splice(netns.neighs.indexOf(neigh), 1);
  netns.links.delete(link.index);
  netns.tell("link", { type: "link", action: "delete", link: snapshot(link) });
}

function setUp(link: FakeLink, up: boolean): void {
  if (link.up === up) return;
  link.up = up;
  if (up) refreshConnected(link);
  else dropRoutesOf(link);
  // The far end sees the carrier change.
  if (link.kind === "veth" && link.peer && link.peer.netns.links.get(link.peer.index) === link.peer)
    announce(link.peer);
}

const announce = (link: FakeLink): void =>
  link.netns.tell("link", { type: "link", action: "new", link: snapshot(link) });

export function deleteLinks(state: NamespaceState, refs: readonly LinkRef[]): void {
  const missing: LinkRef[] = [];
  const failed: NonNullable<UnitFailure["failed"]>[number][] = [];
  const found = [...new Set(refs)].map((ref) => ({ ref, link: state.find(ref) }));
  for (const { ref, link } of found) {
    if (!link) missing.push(ref);
    else if (link.kind === undefined) failed.push({ link: ref, errno: new Refusal("EOPNOTSUPP").failure.errno });
    else if (state.links.get(link.index) === link) deleteLink(link);
  }
  if (failed.length > 0) throw new Refusal("EOPNOTSUPP", { missing, failed });
  if (missing.length > 0) throw new Refusal("ENODEV", { missing, failed });
}

function deleteLink(link: FakeLink): void {
  detach(link);
  if (link.kind === "veth" && link.peer && link.peer.netns.links.get(link.peer.index) === link.peer) detach(link.peer);
  for (const other of [...link.netns.links.values()]) {
    if (other.master === link) {
      delete other.master;
      announce(other);
    }
    if (other.kind === "vlan" && other.peer === link) deleteLink(other);
  }
}

/** What happens to links when the last reference to their namespace goes. */
export function destroyNamespace(state: NamespaceState): void {
  for (const link of [...state.links.values()]) if (state.links.get(link.index) === link) deleteLink(link);
}

export function listLinks(state: NamespaceState, filter: LinkFilter): Link[] {
  const master = filter.master === undefined ? undefined : state.resolve(filter.master);
  return [...state.links.values()]
    .filter((link) => master === undefined || link.master === master)
    .map((link) => withStatistics(snapshot(link), filter.statistics))
    .filter((link) => filter.kind === undefined || link.kind === filter.kind);
}

const zeroes = {
  rxPackets: 0,
  txPackets: 0,
  rxBytes: 0,
  txBytes: 0,
  rxErrors: 0,
  txErrors: 0,
  rxDropped: 0,
  txDropped: 0,
};

export const withStatistics = (link: Link, wanted = false): Link => (wanted ? { ...link, statistics: zeroes } : link);

import type { Addr } from "../api/objects.ts";
import type { AddrFilter, NewAddr } from "../api/ops.ts";
import { formatCidr, formatIp, maskCidr, parseCidr, parseIp } from "../names/ip.ts";
import { addConnected, removeConnected } from "./connected-routes.ts";
import { type NamespaceState, Refusal } from "./state.ts";

const IFA_F_NODAD = 0x02;
const IFA_F_PERMANENT = 0x80;
const IFA_F_NOPREFIXROUTE = 0x200;

function build(state: NamespaceState, wanted: NewAddr): Addr {
  const link = state.resolve(wanted.link);
  const cidr = parseCidr(wanted.address);
  const { broadcast, validSeconds, preferredSeconds } = wanted;
  const peer = wanted.peer === undefined ? undefined : formatIp(parseIp(wanted.peer).bytes);
  const flags =
    (validSeconds === undefined ? IFA_F_PERMANENT : 0) |
    (wanted.noPrefixRoute ? IFA_F_NOPREFIXROUTE : 0) |
    (wanted.nodad && cidr.family === 6 ? IFA_F_NODAD : 0);
  return {
    link: link.index,
    family: cidr.family,
    address: formatCidr(cidr),
    ...(peer === undefined || peer === formatIp(cidr.bytes) ? {} : { peer }),
    ...(broadcast === undefined ? {} : { broadcast: formatIp(parseIp(broadcast).bytes) }),
    ...(cidr.family === 4 ? { label: wanted.label ?? link.name } : {}),
    scope: wanted.scope ?? "global",
    permanent: validSeconds === undefined,
    tentative: false,
    dadFailed: false,
    flags,
    ...(validSeconds === undefined ? {} : { validSeconds }),
    ...(preferredSeconds === undefined && validSeconds === undefined
      ? {}
      : { preferredSeconds: preferredSeconds ?? validSeconds ?? 0 }),
  };
}

/** The kernel knows an IPv4 address by address, prefix and peer, an IPv6 one by address alone. */
const same = (a: Addr, b: Addr): boolean =>
  a.link === b.link &&
  (a.family === 6 ? a.address.split("/")[0] === b.address.split("/")[0] : a.address === b.address && a.peer === b.peer);

export function addAddr(state: NamespaceState, verb: "add" | "replace", wanted: NewAddr): void {
  const addr = build(state, wanted);
  const at = state.addrs.findIndex((other) => same(other, addr));
  if (at >= 0 && verb === "add") throw new Refusal("EEXIST", { message: "Address already assigned" });
  if (at >= 0) state.addrs[at] = addr;
  else state.addrs.push(addr);
  state.tell("addr", { type: "addr", action: "new", addr });
  addConnected(state, addr);
}

export function deleteAddr(state: NamespaceState, wanted: NewAddr): void {
  const addr = build(state, wanted);
  const at = state.addrs.findIndex((other) => same(other, addr));
  const found = state.addrs[at];
  if (!found) throw new Refusal("EADDRNOTAVAIL", { message: "Address not found" });
  state.addrs.splice(at, 1);
  // Another address of the same network keeps its route.
  const network = (each: Addr): string => formatCidr(maskCidr(parseCidr(each.address)));
  if (!state.addrs.some((other) => other.link === found.link && network(other) === network(found)))
    removeConnected(state, found);
  state.tell("addr", { type: "addr", action: "delete", addr: found });
}

export function listAddrs(state: NamespaceState, filter: AddrFilter): Addr[] {
  const link = filter.link === undefined ? undefined : state.resolve(filter.link).index;
  return state.addrs.filter(
    (addr) =>
      (link === undefined || addr.link === link) && (filter.family === undefined || addr.family === filter.family),
  );
}

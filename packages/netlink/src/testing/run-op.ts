/** One op against the fake's tables. */
import type { NewLink, NewTap, Op } from "../api/ops.ts";
import { messageOf } from "../kernel/encode-op.ts";
import { checkInterfaceName } from "../names/interface-name.ts";
import { checkIndex } from "../names/numbers.ts";
import { sysctlPath } from "../names/sysctl.ts";
import { checkAlias } from "../nl/link/common.ts";
import { encodeLinkAdd } from "../nl/link/encode.ts";
import { MessageWriter } from "../nl/writer.ts";
import { addAddr, deleteAddr, listAddrs } from "./addrs.ts";
import { addLink, deleteLinks, listLinks, type StateOf, setLink, withStatistics } from "./links.ts";
import { addNeigh, deleteNeigh, listNeighs } from "./neighs.ts";
import { addRoute, deleteRoute, listRoutes } from "./routes.ts";
import { addRule, deleteRule, listRules } from "./rules.ts";
import { type NamespaceState, Refusal, snapshot } from "./state.ts";

/** What the real one would refuse before asking the kernel is refused by the same code. @throws CodedError */
export function validateOp(op: Op): void {
  const writer = new MessageWriter();
  const message = messageOf(op);
  if (message) {
    message.encode(writer);
  } else if (op.op === "linkAdd") {
    const { link } = op;
    encodeLinkAdd(writer, isTap(link) ? { ...link, kind: "dummy" } : link);
    if (link.alias !== undefined) checkAlias(link.alias);
    if (link.kind === "veth" && link.peer.alias !== undefined) checkAlias(link.peer.alias, "peer.alias");
  } else if (op.op === "linkDelete") {
    for (const link of op.links) typeof link === "number" ? checkIndex(link, "link") : checkInterfaceName(link, "link");
  } else if (op.op === "sysctlGet" || op.op === "sysctlSet") {
    sysctlPath(op.name);
  }
}

const isTap = (link: NewLink): link is NewTap => link.kind === "tap" || link.kind === "tun";

/** @throws Refusal */
export function runOp(state: NamespaceState, op: Op, stateOf: StateOf, unsupported: ReadonlySet<string>): unknown {
  switch (op.op) {
    case "linkAdd":
      return addLink(state, op.link, stateOf, unsupported);
    case "linkSet":
      return setLink(state, op.link, op.changes, stateOf);
    case "linkDelete":
      return deleteLinks(state, op.links);
    case "linkGet":
      return withStatistics(snapshot(state.need(op.link)), op.statistics);
    case "linkList":
      return listLinks(state, op.filter);
    case "addrAdd":
      return addAddr(state, "add", op.addr);
    case "addrReplace":
      return addAddr(state, "replace", op.addr);
    case "addrDelete":
      return deleteAddr(state, op.addr);
    case "addrList":
      return listAddrs(state, op.filter);
    case "routeAdd":
      return addRoute(state, "add", op.route);
    case "routeReplace":
      return addRoute(state, "replace", op.route);
    case "routeDelete":
      return deleteRoute(state, op.route);
    case "routeList":
      return listRoutes(state, op.filter);
    case "ruleAdd":
      return addRule(state, op.rule);
    case "ruleDelete":
      return deleteRule(state, op.rule);
    case "ruleList":
      return listRules(state, op.filter);
    case "neighAdd":
      return addNeigh(state, "add", op.neigh);
    case "neighReplace":
      return addNeigh(state, "replace", op.neigh);
    case "neighDelete":
      return deleteNeigh(state, op.neigh);
    case "neighList":
      return listNeighs(state, op.filter);
    case "nsidGet":
      return state.nsids.get(stateOf(op.netns));
    case "nsidSet":
      return setNsid(state, stateOf(op.netns), op.nsid);
    case "sysctlGet":
      return state.sysctls.get(sysctlPath(op.name)) ?? "0";
    case "sysctlSet":
      state.sysctls.set(sysctlPath(op.name), op.value);
      return undefined;
  }
}

function setNsid(state: NamespaceState, other: NamespaceState, nsid = state.freeNsid()): void {
  if (state.nsids.has(other) || [...state.nsids.values()].includes(nsid)) throw new Refusal("EEXIST");
  state.nsids.set(other, nsid);
  state.tell("nsid", { type: "nsid", action: "new", nsid });
}

/** The ops that are one netlink message each. */
import type { Op, OpName } from "../api/ops.ts";
import { encodeAddr, encodeAddrList } from "../nl/addr.ts";
import { encodeLinkGet, encodeLinkList, encodeLinkSet } from "../nl/link/encode.ts";
import { encodeNeigh, encodeNeighList } from "../nl/neigh.ts";
import { encodeNsidGet, encodeNsidSet } from "../nl/nsid.ts";
import { encodeRoute, encodeRouteList } from "../nl/route/encode.ts";
import { encodeRule, encodeRuleList } from "../nl/rule.ts";
import type { MessageWriter } from "../nl/writer.ts";
import type { SendUnit } from "../worker/protocol.ts";

type Answer = SendUnit["answer"];
type Encode<N extends OpName> = (writer: MessageWriter, op: Op & { readonly op: N }) => void;
type MessageOp = Exclude<OpName, "linkAdd" | "linkDelete" | "sysctlGet" | "sysctlSet">;

const table: { readonly [N in MessageOp]: readonly [Answer, Encode<N>] } = {
  linkSet: ["ack", (w, op) => encodeLinkSet(w, op.link, op.changes)],
  linkGet: ["reply", (w, op) => encodeLinkGet(w, op.link, op.statistics)],
  linkList: ["dump", (w, op) => encodeLinkList(w, op.filter)],
  addrAdd: ["ack", (w, op) => encodeAddr(w, "add", op.addr)],
  addrReplace: ["ack", (w, op) => encodeAddr(w, "replace", op.addr)],
  addrDelete: ["ack", (w, op) => encodeAddr(w, "delete", op.addr)],
  addrList: ["dump", (w, op) => encodeAddrList(w, op.filter)],
  routeAdd: ["ack", (w, op) => encodeRoute(w, "add", op.route)],
  routeReplace: ["ack", (w, op) => encodeRoute(w, "replace", op.route)],
  routeDelete: ["ack", (w, op) => encodeRoute(w, "delete", op.route)],
  routeList: ["dump", (w, op) => encodeRouteList(w, op.filter)],
  ruleAdd: ["ack", (w, op) => encodeRule(w, "add", op.rule)],
  ruleDelete: ["ack", (w, op) => encodeRule(w, "delete", op.rule)],
  ruleList: ["dump", (w, op) => encodeRuleList(w, op.filter)],
  neighAdd: ["ack", (w, op) => encodeNeigh(w, "add", op.neigh)],
  neighReplace: ["ack", (w, op) => encodeNeigh(w, "replace", op.neigh)],
  neighDelete: ["ack", (w, op) => encodeNeigh(w, "delete", op.neigh)],
  neighList: ["dump", (w, op) => encodeNeighList(w, op.filter)],
  nsidGet: ["reply", (w, op) => encodeNsidGet(w, op.netns.fd)],
  nsidSet: ["ack", (w, op) => encodeNsidSet(w, op.netns.fd, op.nsid)],
};

/** @returns the message's encoder and the kind of answer it brings, undefined for ops that are more than a message */
export function messageOf(op: Op): { answer: Answer; encode: (writer: MessageWriter) => void } | undefined {
  if (!Object.hasOwn(table, op.op)) return undefined;
  // The table pairs each name with the encoder of that very op.
  const [answer, encode] = table[op.op as MessageOp] as readonly [Answer, (writer: MessageWriter, op: Op) => void];
  return { answer, encode: (writer) => encode(writer, op) };
}

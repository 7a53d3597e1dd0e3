/** Policy routing rules: struct fib_rule_hdr and FRA_* (linux/fib_rules.h). */
import type { PortRange, Rule, RuleAction } from "../api/objects.ts";
import type { NewRule } from "../api/ops.ts";
import { checkInterfaceName } from "../names/interface-name.ts";
import { checkInteger, invalid } from "../names/invalid.ts";
import { type Cidr, type Family, parseNetwork } from "../names/ip.ts";
import { checkPort, checkTable, checkUint32 } from "../names/numbers.ts";
import { forEachAttribute, ip, text, u8, u16, u32 } from "./attributes.ts";
import { checkPrefixLength, familyNumber, familyOf } from "./family.ts";
import { malformed, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST } from "./message.ts";
import type { MessageWriter } from "./writer.ts";

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
const RTM_GETRULE = 34;

/** family, dst length, src length, tos, table, 2 reserved, action: u8 each; flags u32. */
const headerBytes = 12;

const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_PROTOCOL = 21;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;

const FIB_RULE_INVERT = 2;
const RTPROT_STATIC = 4;

/** FR_ACT_* */
const actions: readonly (readonly [RuleAction, number])[] = [
  ["table", 1],
  ["goto", 2],
  ["nop", 3],
  ["blackhole", 6],
  ["unreachable", 7],
  ["prohibit", 8],
];

export function encodeRule(writer: MessageWriter, verb: "add" | "delete", rule: NewRule): void {
  const from = selector(rule.from, "from");
  const to = selector(rule.to, "to");
  if (from && to && from.family !== to.family)
    throw invalid("to", rule.to, `is not of the family of from ${rule.from}`, "use one family");
  const family: Family = from?.family ?? to?.family ?? rule.family ?? 4;
  const action = actionNumber(verb, rule);
  const table = rule.table === undefined ? 0 : checkTable(rule.table);
  writer.begin(
    verb === "add" ? RTM_NEWRULE : RTM_DELRULE,
    verb === "add" ? NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL : NLM_F_REQUEST,
  );
  writer
    .u8(familyNumber(family))
    .u8(to?.length ?? 0)
    .u8(from?.length ?? 0)
    .u8(0);
  writer
    .u8(table < 256 ? table : 0)
    .u8(0)
    .u8(0)
    .u8(action);
  writer.u32(rule.invert ? FIB_RULE_INVERT : 0);
  if (to && to.length > 0) writer.attrBytes(FRA_DST, to.bytes);
  if (from && from.length > 0) writer.attrBytes(FRA_SRC, from.bytes);
  if (table > 0) writer.attrU32(FRA_TABLE, table);
  if (rule.priority !== undefined) writer.attrU32(FRA_PRIORITY, checkUint32(rule.priority, "priority"));
  if (rule.goto !== undefined) writer.attrU32(FRA_GOTO, checkUint32(rule.goto, "goto"));
  if (rule.iif !== undefined) writer.attrText(FRA_IIFNAME, checkInterfaceName(rule.iif, "iif"));
  if (rule.oif !== undefined) writer.attrText(FRA_OIFNAME, checkInterfaceName(rule.oif, "oif"));
  if (rule.fwmark !== undefined) writer.attrU32(FRA_FWMARK, checkUint32(rule.fwmark, "fwmark"));
  if (rule.fwmask !== undefined) writer.attrU32(FRA_FWMASK, checkUint32(rule.fwmask, "fwmask"));
  if (rule.ipProto !== undefined) writer.attrU8(FRA_IP_PROTO, checkInteger(rule.ipProto, "ipProto", 1, 255));
  if (rule.sourcePorts) writePorts(writer, FRA_SPORT_RANGE, rule.sourcePorts, "sourcePorts");
  if (rule.destinationPorts) writePorts(writer, FRA_DPORT_RANGE, rule.destinationPorts, "destinationPorts");
  if (verb === "add" || rule.protocol !== undefined)
    writer.attrU8(FRA_PROTOCOL, checkInteger(rule.protocol ?? RTPROT_STATIC, "protocol", 0, 255));
  writer.end();
}

const selector = (value: string | undefined, field: string): Cidr | undefined =>
  value === undefined ? undefined : parseNetwork(value, field);

function actionNumber(verb: "add" | "delete", rule: NewRule): number {
  // On delete, 0 stands for "any".
  if (rule.action === undefined && verb === "delete") return 0;
  const action = rule.action ?? "table";
  const found = actions.find(([name]) => name === action);
  if (!found)
    throw invalid("action", action, "is no rule action", `use one of ${actions.map(([name]) => name).join(", ")}`);
  if (verb === "add" && action === "table" && rule.table === undefined)
    throw invalid("table", undefined, "is missing", "name the routing table that the rule leads to");
  if (verb === "add" && action === "goto" && rule.goto === undefined)
    throw invalid("goto", undefined, "is missing", "name the priority that the rule leads to");
  return found[1];
}

function writePorts(writer: MessageWriter, type: number, range: PortRange, field: string): void {
  const from = checkPort(range.from, `${field}.from`);
  const to = checkPort(range.to, `${field}.to`);
  if (to < from) throw invalid(field, `${from}-${to}`, "ends before it begins", "swap the two ports");
  writer.nestPlain(type, () => writer.u16(from).u16(to));
}

export function encodeRuleList(writer: MessageWriter, filter: { readonly family?: Family }): void {
  writer.begin(RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP);
  writer.u8(familyNumber(filter.family)).u8(0).u8(0).u8(0).u32(0).u32(0);
  writer.end();
}

type Draft = { -readonly [K in keyof Rule]: Rule[K] };

/** @returns undefined for another family than IPv4 and IPv6. @throws CodedError PROTOCOL */
export function decodeRule(view: DataView, from: number, to: number): Rule | undefined {
  if (to - from < headerBytes) throw malformed(`rule message of ${to - from} bytes`);
  const family = familyOf(view.getUint8(from));
  if (family === undefined) return undefined;
  const dstLength = checkPrefixLength(family, view.getUint8(from + 1));
  const srcLength = checkPrefixLength(family, view.getUint8(from + 2));
  const action = view.getUint8(from + 7);
  const rule: Draft = {
    family,
    priority: 0,
    action: actions.find(([, number]) => number === action)?.[0] ?? "nop",
    table: view.getUint8(from + 4),
    invert: (view.getUint32(from + 8, true) & FIB_RULE_INVERT) !== 0,
    protocol: 0,
  };
  forEachAttribute(view, from + headerBytes, to, (type, start, end) => {
    switch (type) {
      case FRA_DST:
        rule.to = `${ip(view, start, end)}/${dstLength}`;
        break;
      case FRA_SRC:
        rule.from = `${ip(view, start, end)}/${srcLength}`;
        break;
      case FRA_IIFNAME:
        rule.iif = text(view, start, end);
        break;
      case FRA_OIFNAME:
        rule.oif = text(view, start, end);
        break;
      case FRA_GOTO:
        rule.goto = u32(view, start, end);
        break;
      case FRA_PRIORITY:
        rule.priority = u32(view, start, end);
        break;
      case FRA_TABLE:
        rule.table = u32(view, start, end);
        break;
      case FRA_FWMARK:
        rule.fwmark = u32(view, start, end);
        break;
      case FRA_FWMASK:
        rule.fwmask = u32(view, start, end);
        break;
      case FRA_PROTOCOL:
        rule.protocol = u8(view, start, end);
        break;
      case FRA_IP_PROTO:
        rule.ipProto = u8(view, start, end);
        break;
      case FRA_SPORT_RANGE:
        rule.sourcePorts = ports(view, start, end);
        break;
      case FRA_DPORT_RANGE:
        rule.destinationPorts = ports(view, start, end);
        break;
    }
  });
  return rule;
}

const ports = (view: DataView, start: number, end: number): PortRange => ({
  from: u16(view, start, end),
  to: u16(view, start + 2, end),
});

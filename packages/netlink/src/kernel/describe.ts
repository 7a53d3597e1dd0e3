/** What an op is about, in the words of error messages: `add link "veth0"`. */
import type { LinkRef } from "../api/objects.ts";
import type { Op } from "../api/ops.ts";

const named = (ref: LinkRef | undefined): string => (typeof ref === "number" ? `#${ref}` : `"${ref ?? "?"}"`);

const verbs = { Add: "add", Replace: "replace", Delete: "delete" } as const;

function verbOf(name: string): string {
  for (const [suffix, verb] of Object.entries(verbs)) if (name.endsWith(suffix)) return verb;
  return "change";
}

const plurals = {
  linkList: "links",
  addrList: "addresses",
  routeList: "routes",
  ruleList: "rules",
  neighList: "neighbours",
} as const;

export function describeOp(op: Op): string {
  switch (op.op) {
    case "linkAdd":
      return `add ${op.link.kind} link ${named(op.link.name)}${op.link.kind === "veth" ? ` with peer ${named(op.link.peer.name)}` : ""}`;
    case "linkSet":
      return `change link ${named(op.link)} (${Object.keys(op.changes).join(", ")})`;
    case "linkDelete":
      return op.links.length === 1 ? `delete link ${named(op.links[0])}` : `delete ${op.links.length} links`;
    case "linkGet":
      return `read link ${named(op.link)}`;
    case "addrAdd":
    case "addrReplace":
    case "addrDelete":
      return `${verbOf(op.op)} address ${op.addr.address} on link ${named(op.addr.link)}`;
    case "routeAdd":
    case "routeReplace":
    case "routeDelete": {
      const { destination, gateway, link, table } = op.route;
      const via = gateway === undefined ? "" : ` via ${gateway}`;
      const dev = link === undefined ? "" : ` on link ${named(link)}`;
      return `${verbOf(op.op)} route to ${destination}${via}${dev}${table === undefined ? "" : ` in table ${table}`}`;
    }
    case "ruleAdd":
    case "ruleDelete":
      return `${verbOf(op.op)} rule ${JSON.stringify(op.rule)}`;
    case "neighAdd":
    case "neighReplace":
    case "neighDelete":
      return `${verbOf(op.op)} neighbour ${op.neigh.address} on link ${named(op.neigh.link)}`;
    case "nsidGet":
      return `read the id of network namespace ${op.netns.label}`;
    case "nsidSet":
      return `give network namespace ${op.netns.label} an id`;
    case "sysctlGet":
      return `read sysctl ${op.name}`;
    case "sysctlSet":
      return `set sysctl ${op.name} to ${JSON.stringify(op.value)}`;
    default:
      return `list ${plurals[op.op]}`;
  }
}

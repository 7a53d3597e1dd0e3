import { formatValue, keyOf, type Model, type ModelRegistry, parseValue } from "@nsmkit/api/model";
import type { Item } from "../item.ts";
import type { DocumentContext } from "./document.ts";
import { isObject } from "./object.ts";

/** A configuration as `agentctl config get` prints it: groups by module, in each a list per model. */
export type LigatoConfig = Record<string, unknown>;

/**
 * Field names that ligato.configurator.Config gives to models (ligato/vpp-agent client/dynamic_config.go). Others are
 * the message's name, with "_list" where there can be several.
 */
const fieldNames: Readonly<Record<string, string>> = {
  "ligato.linux.interfaces.Interface": "interfaces",
  "ligato.linux.l3.ARPEntry": "arp_entries",
  "ligato.linux.l3.Route": "routes",
  "ligato.linux.iptables.RuleChain": "RuleChain",
  "ligato.netalloc.IPAllocation": "ip_addresses",
  "ligato.vpp.interfaces.Interface": "interfaces",
  "ligato.vpp.interfaces.Span": "spans",
  "ligato.vpp.acl.ACL": "acls",
  "ligato.vpp.abf.ABF": "abfs",
  "ligato.vpp.l2.BridgeDomain": "bridge_domains",
  "ligato.vpp.l2.FIBEntry": "fibs",
  "ligato.vpp.l2.XConnectPair": "xconnect_pairs",
  "ligato.vpp.l3.Route": "routes",
  "ligato.vpp.l3.ARPEntry": "arps",
  "ligato.vpp.l3.ProxyARP": "proxy_arp",
  "ligato.vpp.l3.IPScanNeighbor": "ipscan_neighbor",
  "ligato.vpp.l3.VrfTable": "vrfs",
  "ligato.vpp.l3.L3XConnect": "l3xconnects",
  "ligato.vpp.l3.DHCPProxy": "dhcp_proxies",
  "ligato.vpp.l3.TeibEntry": "teib_entries",
  "ligato.vpp.nat.Nat44Global": "nat44_global",
  "ligato.vpp.nat.DNat44": "dnat44s",
  "ligato.vpp.nat.Nat44Interface": "nat44_interfaces",
  "ligato.vpp.nat.Nat44AddressPool": "nat44_pools",
  "ligato.vpp.nat.Nat44VrfRoute": "nat44_vrf_routes",
  "ligato.vpp.nat.Nat44VrfTable": "nat44_vrf_tables",
  "ligato.vpp.ipsec.SecurityPolicyDatabase": "ipsec_spds",
  "ligato.vpp.ipsec.SecurityAssociation": "ipsec_sas",
  "ligato.vpp.ipsec.TunnelProtection": "ipsec_tunnel_protections",
  "ligato.vpp.ipsec.SecurityPolicy": "ipsec_sps",
  "ligato.vpp.punt.IPRedirect": "punt_ipredirects",
  "ligato.vpp.punt.ToHost": "punt_tohosts",
  "ligato.vpp.punt.Exception": "punt_exceptions",
  "ligato.vpp.srv6.SRv6Global": "srv6_global",
  "ligato.vpp.srv6.LocalSID": "srv6_localsids",
  "ligato.vpp.srv6.Policy": "srv6_policies",
  "ligato.vpp.srv6.Steering": "srv6_steerings",
  "ligato.vpp.ipfix.IPFIX": "ipfix_global",
  "ligato.vpp.ipfix.FlowProbeParams": "ipfix_flowprobe_params",
  "ligato.vpp.ipfix.FlowProbeFeature": "ipfix_flowprobes",
  "ligato.vpp.wireguard.Peer": "wg_peers",
  "ligato.vpp.dns.DNSCache": "dns_cache",
};

const groupName = /^[a-z0-9]+(Config|_config)$/;

export function isLigatoConfig(value: unknown): value is LigatoConfig {
  return isObject(value) && Object.keys(value).length > 0 && Object.keys(value).every((key) => groupName.test(key));
}

/** Both spellings of every name: `linuxConfig.arpEntries` and `linux_config.arp_entries`. */
export function readLigatoConfig(document: LigatoConfig, context: DocumentContext): Item[] {
  const { problems, at, models } = context;
  return Object.entries(document).flatMap(([group, content]) => {
    const members = models.models.filter((model) => groupOf(model) === camel(group));
    if (members.length === 0) {
      const groups = [...new Set(models.models.map(groupOf))].join(", ");
      const hint = group.startsWith("vpp") ? "; VPP models need nsm-agent-vpp" : "";
      problems.add(at([group]), `"${group}" is unknown here; this agent has ${groups}${hint}`);
      return [];
    }
    if (content === null) return [];
    if (!isObject(content)) {
      problems.add(
        at([group]),
        `${group} is no object; write lists such as ${members.map(fieldOf).slice(0, 3).join(", ")} in it`,
      );
      return [];
    }
    return Object.entries(content).flatMap(([field, list]) => {
      const model = members.find((member) => namesOf(member).includes(field));
      if (!model) {
        problems.add(
          at([group, field]),
          `${group}.${field} is unknown; ${group} has ${members.map(fieldOf).join(", ")}`,
        );
        return [];
      }
      return readList(model, `${group}.${field}`, [group, field], list, context);
    });
  });
}

function readList(model: Model, name: string, path: string[], list: unknown, context: DocumentContext): Item[] {
  if (list === null) return [];
  const values: unknown[] = model.naming ? (Array.isArray(list) ? list : [undefined]) : [list];
  if (values[0] === undefined && values.length === 1) {
    context.problems.add(context.at(path), `${name} is no list; put a - before each value`);
    return [];
  }
  return values.flatMap((data, i) => {
    const at = context.at(model.naming ? [...path, i] : path);
    const place = model.naming ? `${name}[${i}]` : name;
    const value = context.problems.catching(at, () => parseValue(model, data, { object: place }));
    if (!value) return [];
    const key = context.problems.catching(at, () => keyOf(model, value));
    return key === undefined ? [] : [{ key, model, value, place: `${at}: ${place}` }];
  });
}

/** The inverse: one configuration with everything, snake_case fields, empty groups left out. */
export function formatLigatoConfig(
  items: Iterable<{ readonly model: Model; readonly value: Item["value"] }>,
  models: ModelRegistry,
): LigatoConfig {
  const config: Record<string, Record<string, unknown>> = {};
  const all = [...items];
  for (const model of models.models) {
    const values = all.filter((item) => item.model === model).map((item) => formatValue(model, item.value as never));
    if (values.length === 0) continue;
    const group = groupOf(model);
    config[group] ??= {};
    (config[group] as Record<string, unknown>)[fieldOf(model)] = model.naming ? values : values[0];
  }
  return config;
}

/** "linuxConfig": the first word of the module. */
export function groupOf(model: Model): string {
  return `${model.spec.module.split(".")[0]}Config`;
}

function fieldOf(model: Model): string {
  const message = model.schema.typeName.slice(model.schema.typeName.lastIndexOf(".") + 1);
  return fieldNames[model.schema.typeName] ?? (model.naming ? `${message}_list` : message);
}

/** All names by which a group may call a model's values. */
export function namesOf(model: Model): string[] {
  const field = fieldOf(model);
  const message = model.schema.typeName.slice(model.schema.typeName.lastIndexOf(".") + 1);
  return [...new Set([field, camel(field), ...(model.naming ? [`${message}_list`] : [])])];
}

function camel(text: string): string {
  return text.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

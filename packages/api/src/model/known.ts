// Every model that nsmkit has messages for. Specs and name rules: PANTHEONtech/cnf-nsm proto/nsm/keys.go and
// ligato/vpp-agent proto/ligato/**/models.go.
import { NetworkServiceClientSchema, NetworkServiceEndpointSchema } from "../cnf.ts";
import { ARPEntrySchema, InterfaceSchema, RouteSchema, RuleChainSchema } from "../linux.ts";
import { IPAllocationSchema } from "../netalloc.ts";
import { ipnet } from "./address.ts";
import { defineModel, type Model } from "./model.ts";
import { createModelRegistry, type ModelRegistry } from "./registry.ts";

export const nsmClientModel = defineModel(
  { module: "cnf.nsm", version: "v1", type: "client" },
  NetworkServiceClientSchema,
  { template: "{{.Name}}", fields: ["name"], of: (client) => client.name },
);

export const nsmEndpointModel = defineModel(
  { module: "cnf.nsm", version: "v1", type: "endpoint" },
  NetworkServiceEndpointSchema,
  { template: "{{.NetworkService}}", fields: ["network_service"], of: (endpoint) => endpoint.networkService },
);

export const linuxInterfaceModel = defineModel(
  { module: "linux.interfaces", version: "v2", type: "interface" },
  InterfaceSchema,
  { template: "{{.Name}}", fields: ["name"], of: (link) => link.name },
);

export const linuxArpModel = defineModel({ module: "linux.l3", version: "v2", type: "arp" }, ARPEntrySchema, {
  template: "{{.Interface}}/{{.IpAddress}}",
  fields: ["interface", "ip_address"],
  of: (entry) => `${entry.interface}/${entry.ipAddress}`,
});

export const linuxRouteModel = defineModel({ module: "linux.l3", version: "v2", type: "route" }, RouteSchema, {
  template:
    '{{with ipnet .DstNetwork}}{{printf "%s/%d" .IP .MaskSize}}{{else}}{{.DstNetwork}}{{end}}/{{.OutgoingInterface}}',
  fields: ["dst_network", "outgoing_interface"],
  of(route) {
    const network = ipnet(route.dstNetwork);
    return `${network ? `${network.ip}/${network.maskSize}` : route.dstNetwork}/${route.outgoingInterface}`;
  },
});

export const linuxRuleChainModel = defineModel(
  { module: "linux.iptables", version: "v2", type: "rulechain" },
  RuleChainSchema,
  { template: "{{.Name}}", fields: ["name"], of: (chain) => chain.name },
);

export const netallocIpModel = defineModel({ module: "netalloc", version: "v1", type: "ip" }, IPAllocationSchema, {
  template: "network/{{.NetworkName}}/interface/{{.InterfaceName}}",
  fields: ["network_name", "interface_name"],
  of: (allocation) => `network/${allocation.networkName}/interface/${allocation.interfaceName}`,
});

export const knownModels: ModelRegistry = createModelRegistry([
  nsmClientModel,
  nsmEndpointModel,
  linuxInterfaceModel,
  linuxArpModel,
  linuxRouteModel,
  linuxRuleChainModel,
  netallocIpModel,
] satisfies Model[]);

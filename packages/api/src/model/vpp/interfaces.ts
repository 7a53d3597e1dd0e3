// ligato/vpp-agent proto/ligato/vpp/interfaces/models.go, ../stn/models.go, ../wireguard/models.go
import { InterfaceSchema, PeerSchema, RuleSchema, SpanSchema } from "../../vpp.ts";
import { defineModel } from "../model.ts";
import { named } from "./naming.ts";

export const vppInterfaceModel = defineModel(
  { module: "vpp", version: "v2", type: "interfaces" },
  InterfaceSchema,
  named,
);

export const vppSpanModel = defineModel({ module: "vpp", version: "v2", type: "span" }, SpanSchema, {
  template: "{{.InterfaceFrom}}/to/{{.InterfaceTo}}",
  fields: ["interface_from", "interface_to"],
  of: (span) => `${span.interfaceFrom}/to/${span.interfaceTo}`,
});

export const vppStnRuleModel = defineModel({ module: "vpp.stn", version: "v2", type: "rule" }, RuleSchema, {
  template: "{{.Interface}}/ip/{{.IpAddress}}",
  fields: ["interface", "ip_address"],
  of: (rule) => `${rule.interface}/ip/${rule.ipAddress}`,
});

export const vppWireguardPeerModel = defineModel({ module: "vpp.wg", version: "v1", type: "peer" }, PeerSchema, {
  template: "{{.WgIfName}}/endpoint/{{.Endpoint}}/{{.Port}}",
  fields: ["wg_if_name", "endpoint", "port"],
  of: (peer) => `${peer.wgIfName}/endpoint/${peer.endpoint}/${peer.port}`,
});

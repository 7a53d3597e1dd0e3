// ligato/vpp-agent proto/ligato/vpp/ipsec/models.go
import {
  SecurityAssociationSchema,
  SecurityPolicyDatabaseSchema,
  SecurityPolicySchema,
  TunnelProtectionSchema,
} from "../../vpp.ts";
import { defineModel } from "../model.ts";
import { numbered } from "./naming.ts";

export const vppIpsecSpdModel = defineModel(
  { module: "vpp.ipsec", version: "v2", type: "spd" },
  SecurityPolicyDatabaseSchema,
  numbered,
);

export const vppIpsecSaModel = defineModel(
  { module: "vpp.ipsec", version: "v2", type: "sa" },
  SecurityAssociationSchema,
  numbered,
);

export const vppIpsecSpModel = defineModel({ module: "vpp.ipsec", version: "v2", type: "sp" }, SecurityPolicySchema, {
  template:
    "spd/{{.SpdIndex}}/sa/{{.SaIndex}}/{{if .IsOutbound}}outbound/{{else}}inbound/{{end}}" +
    "local-addresses/{{.LocalAddrStart}}-{{.LocalAddrStop}}/" +
    "remote-addresses/{{.RemoteAddrStart}}-{{.RemoteAddrStop}}",
  fields: [
    "spd_index",
    "sa_index",
    "is_outbound",
    "local_addr_start",
    "local_addr_stop",
    "remote_addr_start",
    "remote_addr_stop",
  ],
  of: (policy) =>
    `spd/${policy.spdIndex}/sa/${policy.saIndex}/${policy.isOutbound ? "outbound" : "inbound"}/` +
    `local-addresses/${policy.localAddrStart}-${policy.localAddrStop}/` +
    `remote-addresses/${policy.remoteAddrStart}-${policy.remoteAddrStop}`,
});

export const vppIpsecTunProtectModel = defineModel(
  { module: "vpp.ipsec", version: "v2", type: "tun-protect" },
  TunnelProtectionSchema,
  {
    template: "{{.Interface}}{{if .NextHopAddr}}/nh/{{.NextHopAddr}}{{end}}",
    fields: ["interface", "next_hop_addr"],
    of: ({ interface: name, nextHopAddr }) => `${name}${nextHopAddr && `/nh/${nextHopAddr}`}`,
  },
);

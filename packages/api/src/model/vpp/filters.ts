// What looks at packets: ligato/vpp-agent proto/ligato/vpp/{acl,abf,punt,ipfix,dns}/models.go
import {
  ABFSchema,
  ACLSchema,
  DNSCacheSchema,
  ExceptionSchema,
  FlowProbeFeatureSchema,
  FlowProbeParamsSchema,
  IPFIXSchema,
  IPRedirectSchema,
  L3ProtocolSchema,
  L4ProtocolSchema,
  ToHostSchema,
} from "../../vpp.ts";
import { defineModel } from "../model.ts";
import { enumText, named, numbered } from "./naming.ts";

export const vppAclModel = defineModel({ module: "vpp.acls", version: "v2", type: "acl" }, ACLSchema, named);

export const vppAbfModel = defineModel({ module: "vpp.abfs", version: "v2", type: "abf" }, ABFSchema, numbered);

export const vppIpRedirectModel = defineModel({ module: "vpp", version: "v2", type: "ipredirect" }, IPRedirectSchema, {
  template: "l3/{{.L3Protocol}}/tx/{{.TxInterface}}",
  fields: ["l3_protocol", "tx_interface"],
  of: (redirect) => `l3/${enumText(L3ProtocolSchema, redirect.l3Protocol)}/tx/${redirect.txInterface}`,
});

export const vppToHostModel = defineModel({ module: "vpp", version: "v2", type: "tohost" }, ToHostSchema, {
  template: "l3/{{.L3Protocol}}/l4/{{.L4Protocol}}/port/{{.Port}}",
  fields: ["l3_protocol", "l4_protocol", "port"],
  of: ({ l3Protocol, l4Protocol, port }) =>
    `l3/${enumText(L3ProtocolSchema, l3Protocol)}/l4/${enumText(L4ProtocolSchema, l4Protocol)}/port/${port}`,
});

export const vppExceptionModel = defineModel({ module: "vpp", version: "v2", type: "exception" }, ExceptionSchema, {
  template: "reason/{{.Reason}}",
  fields: ["reason"],
  of: (exception) => `reason/${exception.reason}`,
});

export const vppIpfixModel = defineModel({ module: "vpp.ipfix", version: "v2", type: "ipfix" }, IPFIXSchema);

export const vppFlowprobeParamsModel = defineModel(
  { module: "vpp.ipfix", version: "v2", type: "flowprobe-params" },
  FlowProbeParamsSchema,
);

export const vppFlowprobeFeatureModel = defineModel(
  { module: "vpp.ipfix", version: "v2", type: "flowprobe-feature" },
  FlowProbeFeatureSchema,
  { template: "{{.Interface}}", fields: ["interface"], of: (feature) => feature.interface },
);

export const vppDnsCacheModel = defineModel({ module: "vpp.dns", version: "v1", type: "dnscache" }, DNSCacheSchema);

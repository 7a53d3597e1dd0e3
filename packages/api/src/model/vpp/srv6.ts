// ligato/vpp-agent proto/ligato/vpp/srv6/models.go
import { LocalSIDSchema, PolicySchema, SRv6GlobalSchema, SteeringSchema } from "../../vpp.ts";
import { defineModel } from "../model.ts";
import { named } from "./naming.ts";

export const vppSrv6LocalsidModel = defineModel(
  { module: "vpp.srv6", version: "v2", type: "localsid" },
  LocalSIDSchema,
  { template: "{{.Sid}}", fields: ["sid"], of: (local) => local.sid },
);

export const vppSrv6PolicyModel = defineModel({ module: "vpp.srv6", version: "v2", type: "policy" }, PolicySchema, {
  template: "{{.Bsid}}",
  fields: ["bsid"],
  of: (policy) => policy.bsid,
});

export const vppSrv6SteeringModel = defineModel(
  { module: "vpp.srv6", version: "v2", type: "steering" },
  SteeringSchema,
  named,
);

export const vppSrv6GlobalModel = defineModel(
  { module: "vpp.srv6", version: "v2", type: "srv6-global" },
  SRv6GlobalSchema,
);

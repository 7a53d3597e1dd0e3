// ligato/vpp-agent proto/ligato/vpp/l2/models.go
import { BridgeDomainSchema, FIBEntrySchema, XConnectPairSchema } from "../../vpp.ts";
import { defineModel } from "../model.ts";
import { named } from "./naming.ts";

export const vppBridgeDomainModel = defineModel(
  { module: "vpp.l2", version: "v2", type: "bridge-domain" },
  BridgeDomainSchema,
  named,
);

export const vppFibModel = defineModel({ module: "vpp.l2", version: "v2", type: "fib" }, FIBEntrySchema, {
  template: "{{.BridgeDomain}}/mac/{{.PhysAddress}}",
  fields: ["bridge_domain", "phys_address"],
  of: (entry) => `${entry.bridgeDomain}/mac/${entry.physAddress}`,
});

export const vppXconnectModel = defineModel({ module: "vpp.l2", version: "v2", type: "xconnect" }, XConnectPairSchema, {
  template: "{{.ReceiveInterface}}",
  fields: ["receive_interface"],
  of: (pair) => pair.receiveInterface,
});

// ligato/vpp-agent proto/ligato/vpp/nat/models.go
import {
  DNat44Schema,
  Nat44AddressPoolSchema,
  Nat44GlobalSchema,
  Nat44InterfaceSchema,
  Nat44VrfRouteSchema,
  Nat44VrfTableSchema,
} from "../../vpp.ts";
import { defineModel } from "../model.ts";
import { named } from "./naming.ts";

export const vppNat44GlobalModel = defineModel(
  { module: "vpp.nat", version: "v2", type: "nat44-global" },
  Nat44GlobalSchema,
);

export const vppNat44InterfaceModel = defineModel(
  { module: "vpp.nat", version: "v2", type: "nat44-interface" },
  Nat44InterfaceSchema,
  named,
);

export const vppNat44PoolModel = defineModel(
  { module: "vpp.nat", version: "v2", type: "nat44-pool" },
  Nat44AddressPoolSchema,
  {
    template:
      "{{if .Name}}{{.Name}}{{else}}vrf/{{.VrfId}}/address/{{.FirstIp}}" +
      "{{if and .LastIp (ne .FirstIp .LastIp)}}-{{.LastIp}}{{end}}{{end}}",
    fields: ["name", "vrf_id", "first_ip", "last_ip"],
    of: ({ name, vrfId, firstIp, lastIp }) =>
      name || `vrf/${vrfId}/address/${firstIp}${lastIp && lastIp !== firstIp ? `-${lastIp}` : ""}`,
  },
);

export const vppDnat44Model = defineModel({ module: "vpp.nat", version: "v2", type: "dnat44" }, DNat44Schema, {
  template: "{{.Label}}",
  fields: ["label"],
  of: (dnat) => dnat.label,
});

export const vppNat44VrfModel = defineModel(
  { module: "vpp.nat", version: "v2", type: "nat44-vrf" },
  Nat44VrfTableSchema,
  {
    template: "vrfid/{{.SrcVrfId}}",
    fields: ["src_vrf_id"],
    of: (table) => `vrfid/${table.srcVrfId}`,
  },
);

export const vppNat44VrfRouteModel = defineModel(
  { module: "vpp.nat", version: "v2", type: "nat44-vrf-route" },
  Nat44VrfRouteSchema,
  {
    template: "vrfid/{{.SrcVrfId}}/destvrfid/{{.DestVrfId}}",
    fields: ["src_vrf_id", "dest_vrf_id"],
    of: (route) => `vrfid/${route.srcVrfId}/destvrfid/${route.destVrfId}`,
  },
);

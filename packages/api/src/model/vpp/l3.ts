// ligato/vpp-agent proto/ligato/vpp/l3/models.go
import {
  ARPEntrySchema,
  DHCPProxySchema,
  IPScanNeighborSchema,
  L3XConnect_ProtocolSchema,
  L3XConnectSchema,
  ProxyARPSchema,
  RouteSchema,
  TeibEntrySchema,
  VRRPEntrySchema,
  VrfTable_ProtocolSchema,
  VrfTableSchema,
} from "../../vpp.ts";
import { protoip } from "../address.ts";
import { defineModel } from "../model.ts";
import { enumText, networkText } from "./naming.ts";

export const vppArpModel = defineModel({ module: "vpp", version: "v2", type: "arp" }, ARPEntrySchema, {
  template: "{{.Interface}}/{{.IpAddress}}",
  fields: ["interface", "ip_address"],
  of: (entry) => `${entry.interface}/${entry.ipAddress}`,
});

export const vppRouteModel = defineModel({ module: "vpp", version: "v2", type: "route" }, RouteSchema, {
  template:
    '{{if .OutgoingInterface}}{{printf "if/%s/" .OutgoingInterface}}{{end}}vrf/{{.VrfId}}/' +
    '{{with ipnet .DstNetwork}}{{printf "dst/%s/%d/" .IP .MaskSize}}{{else}}{{printf "dst/%s/" .DstNetwork}}{{end}}' +
    "{{if .NextHopAddr}}gw/{{.NextHopAddr}}{{end}}",
  fields: ["outgoing_interface", "vrf_id", "dst_network", "next_hop_addr"],
  of: ({ outgoingInterface, vrfId, dstNetwork, nextHopAddr }) =>
    `${outgoingInterface && `if/${outgoingInterface}/`}vrf/${vrfId}/dst/${networkText(dstNetwork)}/` +
    (nextHopAddr && `gw/${nextHopAddr}`),
});

export const vppProxyArpModel = defineModel({ module: "vpp", version: "v2", type: "proxyarp-global" }, ProxyARPSchema);

export const vppIpScanNeighborModel = defineModel(
  { module: "vpp", version: "v2", type: "ipscanneigh-global" },
  IPScanNeighborSchema,
);

export const vppVrfTableModel = defineModel({ module: "vpp", version: "v2", type: "vrf-table" }, VrfTableSchema, {
  template: "id/{{.Id}}/protocol/{{.Protocol}}",
  fields: ["id", "protocol"],
  of: (table) => `id/${table.id}/protocol/${enumText(VrfTable_ProtocolSchema, table.protocol)}`,
});

export const vppDhcpProxyModel = defineModel({ module: "vpp", version: "v2", type: "dhcp-proxy" }, DHCPProxySchema, {
  template: "{{protoip .SourceIpAddress}}/rx-vrf/{{.RxVrfId}}",
  fields: ["source_ip_address", "rx_vrf_id"],
  of: (proxy) => `${protoip(proxy.sourceIpAddress)}/rx-vrf/${proxy.rxVrfId}`,
});

export const vppL3XconnectModel = defineModel({ module: "vpp", version: "v2", type: "l3xconnect" }, L3XConnectSchema, {
  template: "{{.Interface}}/protocol/{{.Protocol}}",
  fields: ["interface", "protocol"],
  of: (connect) => `${connect.interface}/protocol/${enumText(L3XConnect_ProtocolSchema, connect.protocol)}`,
});

export const vppTeibModel = defineModel({ module: "vpp", version: "v2", type: "teib" }, TeibEntrySchema, {
  template: "{{.Interface}}/peer/{{.PeerAddr}}",
  fields: ["interface", "peer_addr"],
  of: (entry) => `${entry.interface}/peer/${entry.peerAddr}`,
});

export const vppVrrpModel = defineModel({ module: "vpp", version: "v2", type: "vrrp" }, VRRPEntrySchema, {
  template: "{{.Interface}}/vrid/{{.VrId}}",
  fields: ["interface", "vr_id"],
  of: (entry) => `${entry.interface}/vrid/${entry.vrId}`,
});

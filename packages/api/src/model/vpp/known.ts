import { MetricsSchema } from "../../vpp.ts";
import { knownModels } from "../known.ts";
import { defineModel, type Model } from "../model.ts";
import { createModelRegistry, type ModelRegistry } from "../registry.ts";
import {
  vppAbfModel,
  vppAclModel,
  vppDnsCacheModel,
  vppExceptionModel,
  vppFlowprobeFeatureModel,
  vppFlowprobeParamsModel,
  vppIpfixModel,
  vppIpRedirectModel,
  vppToHostModel,
} from "./filters.ts";
import { vppInterfaceModel, vppSpanModel, vppStnRuleModel, vppWireguardPeerModel } from "./interfaces.ts";
import { vppIpsecSaModel, vppIpsecSpdModel, vppIpsecSpModel, vppIpsecTunProtectModel } from "./ipsec.ts";
import { vppBridgeDomainModel, vppFibModel, vppXconnectModel } from "./l2.ts";
import {
  vppArpModel,
  vppDhcpProxyModel,
  vppIpScanNeighborModel,
  vppL3XconnectModel,
  vppProxyArpModel,
  vppRouteModel,
  vppTeibModel,
  vppVrfTableModel,
  vppVrrpModel,
} from "./l3.ts";
import {
  vppDnat44Model,
  vppNat44GlobalModel,
  vppNat44InterfaceModel,
  vppNat44PoolModel,
  vppNat44VrfModel,
  vppNat44VrfRouteModel,
} from "./nat.ts";
import { vppSrv6GlobalModel, vppSrv6LocalsidModel, vppSrv6PolicyModel, vppSrv6SteeringModel } from "./srv6.ts";

/** Statistics of an agent's connection to VPP: nobody declares them. ligato/vpp-agent proto/ligato/govppmux/models.go */
export const govppmuxStatsModel = defineModel({ module: "govppmux", type: "stats", class: "metrics" }, MetricsSchema);

/** What can be declared for VPP. */
export const vppModels: readonly Model[] = [
  vppInterfaceModel,
  vppSpanModel,
  vppStnRuleModel,
  vppWireguardPeerModel,
  vppBridgeDomainModel,
  vppFibModel,
  vppXconnectModel,
  vppArpModel,
  vppRouteModel,
  vppProxyArpModel,
  vppIpScanNeighborModel,
  vppVrfTableModel,
  vppDhcpProxyModel,
  vppL3XconnectModel,
  vppTeibModel,
  vppVrrpModel,
  vppNat44GlobalModel,
  vppNat44InterfaceModel,
  vppNat44PoolModel,
  vppDnat44Model,
  vppNat44VrfModel,
  vppNat44VrfRouteModel,
  vppIpsecSpdModel,
  vppIpsecSaModel,
  vppIpsecSpModel,
  vppIpsecTunProtectModel,
  vppSrv6LocalsidModel,
  vppSrv6PolicyModel,
  vppSrv6SteeringModel,
  vppSrv6GlobalModel,
  vppAclModel,
  vppAbfModel,
  vppIpRedirectModel,
  vppToHostModel,
  vppExceptionModel,
  vppIpfixModel,
  vppFlowprobeParamsModel,
  vppFlowprobeFeatureModel,
  vppDnsCacheModel,
];

/** Every model there is, for tools that serve agents of any kind. */
export const allModels: ModelRegistry = createModelRegistry([...knownModels.models, ...vppModels, govppmuxStatsModel]);

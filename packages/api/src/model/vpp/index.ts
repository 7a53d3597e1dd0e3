// Every VPP model. Apart from the other models, so that an agent without VPP does not load a hundred messages at start.

export {
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
export { vppInterfaceModel, vppSpanModel, vppStnRuleModel, vppWireguardPeerModel } from "./interfaces.ts";
export { vppIpsecSaModel, vppIpsecSpdModel, vppIpsecSpModel, vppIpsecTunProtectModel } from "./ipsec.ts";
export { allModels, govppmuxStatsModel, vppModels } from "./known.ts";
export { vppBridgeDomainModel, vppFibModel, vppXconnectModel } from "./l2.ts";
export {
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
export {
  vppDnat44Model,
  vppNat44GlobalModel,
  vppNat44InterfaceModel,
  vppNat44PoolModel,
  vppNat44VrfModel,
  vppNat44VrfRouteModel,
} from "./nat.ts";
export { vppSrv6GlobalModel, vppSrv6LocalsidModel, vppSrv6PolicyModel, vppSrv6SteeringModel } from "./srv6.ts";

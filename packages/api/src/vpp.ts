// VPP models: packages ligato.vpp and those below it; ligato.govppmux.

export type { Metrics } from "./gen/ligato/govppmux/metrics_pb.js";
export { MetricsSchema } from "./gen/ligato/govppmux/metrics_pb.js";
export type { ABF, ABF_AttachedInterface, ABF_ForwardingPath } from "./gen/ligato/vpp/abf/abf_pb.js";
export { ABF_AttachedInterfaceSchema, ABF_ForwardingPathSchema, ABFSchema } from "./gen/ligato/vpp/abf/abf_pb.js";
export type {
  ACL,
  ACL_Interfaces,
  ACL_Rule,
  ACL_Rule_IpRule,
  ACL_Rule_IpRule_Icmp,
  ACL_Rule_IpRule_Icmp_Range,
  ACL_Rule_IpRule_Ip,
  ACL_Rule_IpRule_PortRange,
  ACL_Rule_IpRule_Tcp,
  ACL_Rule_IpRule_Udp,
  ACL_Rule_MacIpRule,
} from "./gen/ligato/vpp/acl/acl_pb.js";
export {
  ACL_InterfacesSchema,
  ACL_Rule_Action,
  ACL_Rule_ActionSchema,
  ACL_Rule_IpRule_Icmp_RangeSchema,
  ACL_Rule_IpRule_IcmpSchema,
  ACL_Rule_IpRule_IpSchema,
  ACL_Rule_IpRule_PortRangeSchema,
  ACL_Rule_IpRule_TcpSchema,
  ACL_Rule_IpRule_UdpSchema,
  ACL_Rule_IpRuleSchema,
  ACL_Rule_MacIpRuleSchema,
  ACL_RuleSchema,
  ACLSchema,
} from "./gen/ligato/vpp/acl/acl_pb.js";
export type { DNSCache } from "./gen/ligato/vpp/dns/dns_pb.js";
export { DNSCacheSchema } from "./gen/ligato/vpp/dns/dns_pb.js";
export type { DHCPLease } from "./gen/ligato/vpp/interfaces/dhcp_pb.js";
export { DHCPLeaseSchema } from "./gen/ligato/vpp/interfaces/dhcp_pb.js";
export type {
  AfpacketLink,
  BondLink,
  BondLink_BondedInterface,
  GreLink,
  GtpuLink,
  Interface,
  Interface_IP6ND,
  Interface_RxMode,
  Interface_RxPlacement,
  Interface_Unnumbered,
  IPIPLink,
  IPSecLink,
  MemifLink,
  RDMALink,
  SubInterface,
  TapLink,
  VmxNet3Link,
  VxlanLink,
  VxlanLink_Gpe,
  WireguardLink,
} from "./gen/ligato/vpp/interfaces/interface_pb.js";
export {
  AfpacketLinkSchema,
  BondLink_BondedInterfaceSchema,
  BondLink_LoadBalance,
  BondLink_LoadBalanceSchema,
  BondLink_Mode,
  BondLink_ModeSchema,
  BondLinkSchema,
  GreLink_Type,
  GreLink_TypeSchema,
  GreLinkSchema,
  GtpuLink_NextNode,
  GtpuLink_NextNodeSchema,
  GtpuLinkSchema,
  Interface_IP6NDSchema,
  Interface_RxMode_Type,
  Interface_RxMode_TypeSchema,
  Interface_RxModeSchema,
  Interface_RxPlacementSchema,
  Interface_Type,
  Interface_TypeSchema,
  Interface_UnnumberedSchema,
  InterfaceSchema,
  IPIPLink_Mode,
  IPIPLink_ModeSchema,
  IPIPLinkSchema,
  IPSecLink_Mode,
  IPSecLink_ModeSchema,
  IPSecLinkSchema,
  MemifLink_MemifMode,
  MemifLink_MemifModeSchema,
  MemifLinkSchema,
  RDMALink_Mode,
  RDMALink_ModeSchema,
  RDMALinkSchema,
  SubInterface_TagRewriteOptions,
  SubInterface_TagRewriteOptionsSchema,
  SubInterfaceSchema,
  TapLinkSchema,
  VmxNet3LinkSchema,
  VxlanLink_Gpe_Protocol,
  VxlanLink_Gpe_ProtocolSchema,
  VxlanLink_GpeSchema,
  VxlanLinkSchema,
  WireguardLinkSchema,
} from "./gen/ligato/vpp/interfaces/interface_pb.js";
export type { Span } from "./gen/ligato/vpp/interfaces/span_pb.js";
export { Span_Direction, Span_DirectionSchema, SpanSchema } from "./gen/ligato/vpp/interfaces/span_pb.js";
export type {
  InterfaceNotification,
  InterfaceState,
  InterfaceState_Statistics,
  InterfaceStats,
  InterfaceStats_CombinedCounter,
} from "./gen/ligato/vpp/interfaces/state_pb.js";
export {
  InterfaceNotification_NotifType,
  InterfaceNotification_NotifTypeSchema,
  InterfaceNotificationSchema,
  InterfaceState_Duplex,
  InterfaceState_DuplexSchema,
  InterfaceState_StatisticsSchema,
  InterfaceState_Status,
  InterfaceState_StatusSchema,
  InterfaceStateSchema,
  InterfaceStats_CombinedCounterSchema,
  InterfaceStatsSchema,
} from "./gen/ligato/vpp/interfaces/state_pb.js";
export type { FlowProbeFeature, FlowProbeParams } from "./gen/ligato/vpp/ipfix/flowprobe_pb.js";
export { FlowProbeFeatureSchema, FlowProbeParamsSchema } from "./gen/ligato/vpp/ipfix/flowprobe_pb.js";
export type { IPFIX, IPFIX_Collector } from "./gen/ligato/vpp/ipfix/ipfix_pb.js";
export { IPFIX_CollectorSchema, IPFIXSchema } from "./gen/ligato/vpp/ipfix/ipfix_pb.js";
export type {
  SecurityAssociation,
  SecurityPolicy,
  SecurityPolicyDatabase,
  SecurityPolicyDatabase_Interface,
  SecurityPolicyDatabase_PolicyEntry,
  TunnelProtection,
} from "./gen/ligato/vpp/ipsec/ipsec_pb.js";
export {
  CryptoAlg,
  CryptoAlgSchema,
  IntegAlg,
  IntegAlgSchema,
  SecurityAssociation_IPSecProtocol,
  SecurityAssociation_IPSecProtocolSchema,
  SecurityAssociationSchema,
  SecurityPolicy_Action,
  SecurityPolicy_ActionSchema,
  SecurityPolicyDatabase_InterfaceSchema,
  SecurityPolicyDatabase_PolicyEntry_Action,
  SecurityPolicyDatabase_PolicyEntry_ActionSchema,
  SecurityPolicyDatabase_PolicyEntrySchema,
  SecurityPolicyDatabaseSchema,
  SecurityPolicySchema,
  TunnelProtectionSchema,
} from "./gen/ligato/vpp/ipsec/ipsec_pb.js";
export type {
  BridgeDomain,
  BridgeDomain_ArpTerminationEntry,
  BridgeDomain_Interface,
} from "./gen/ligato/vpp/l2/bridge_domain_pb.js";
export {
  BridgeDomain_ArpTerminationEntrySchema,
  BridgeDomain_InterfaceSchema,
  BridgeDomainSchema,
} from "./gen/ligato/vpp/l2/bridge_domain_pb.js";
export type { FIBEntry } from "./gen/ligato/vpp/l2/fib_pb.js";
export { FIBEntry_Action, FIBEntry_ActionSchema, FIBEntrySchema } from "./gen/ligato/vpp/l2/fib_pb.js";
export type { XConnectPair } from "./gen/ligato/vpp/l2/xconnect_pb.js";
export { XConnectPairSchema } from "./gen/ligato/vpp/l2/xconnect_pb.js";
export type { ARPEntry } from "./gen/ligato/vpp/l3/arp_pb.js";
export { ARPEntrySchema } from "./gen/ligato/vpp/l3/arp_pb.js";
export type {
  DHCPProxy,
  DHCPProxy_DHCPServer,
  IPScanNeighbor,
  ProxyARP,
  ProxyARP_Interface,
  ProxyARP_Range,
} from "./gen/ligato/vpp/l3/l3_pb.js";
export {
  DHCPProxy_DHCPServerSchema,
  DHCPProxySchema,
  IPScanNeighbor_Mode,
  IPScanNeighbor_ModeSchema,
  IPScanNeighborSchema,
  ProxyARP_InterfaceSchema,
  ProxyARP_RangeSchema,
  ProxyARPSchema,
} from "./gen/ligato/vpp/l3/l3_pb.js";
export type { L3XConnect, L3XConnect_Path } from "./gen/ligato/vpp/l3/l3xc_pb.js";
export {
  L3XConnect_PathSchema,
  L3XConnect_Protocol,
  L3XConnect_ProtocolSchema,
  L3XConnectSchema,
} from "./gen/ligato/vpp/l3/l3xc_pb.js";
export type { Route } from "./gen/ligato/vpp/l3/route_pb.js";
export { Route_RouteType, Route_RouteTypeSchema, RouteSchema } from "./gen/ligato/vpp/l3/route_pb.js";
export type { TeibEntry } from "./gen/ligato/vpp/l3/teib_pb.js";
export { TeibEntrySchema } from "./gen/ligato/vpp/l3/teib_pb.js";
export type { VrfTable, VrfTable_FlowHashSettings } from "./gen/ligato/vpp/l3/vrf_pb.js";
export {
  VrfTable_FlowHashSettingsSchema,
  VrfTable_Protocol,
  VrfTable_ProtocolSchema,
  VrfTableSchema,
} from "./gen/ligato/vpp/l3/vrf_pb.js";
export type { VRRPEntry } from "./gen/ligato/vpp/l3/vrrp_pb.js";
export { VRRPEntrySchema } from "./gen/ligato/vpp/l3/vrrp_pb.js";
export type {
  DNat44,
  DNat44_IdentityMapping,
  DNat44_StaticMapping,
  DNat44_StaticMapping_LocalIP,
  Nat44AddressPool,
  Nat44Global,
  Nat44Global_Address,
  Nat44Global_Interface,
  Nat44Interface,
  Nat44VrfRoute,
  Nat44VrfTable,
  VirtualReassembly,
} from "./gen/ligato/vpp/nat/nat_pb.js";
export {
  DNat44_IdentityMappingSchema,
  DNat44_Protocol,
  DNat44_ProtocolSchema,
  DNat44_StaticMapping_LocalIPSchema,
  DNat44_StaticMapping_TwiceNatMode,
  DNat44_StaticMapping_TwiceNatModeSchema,
  DNat44_StaticMappingSchema,
  DNat44Schema,
  Nat44AddressPoolSchema,
  Nat44Global_AddressSchema,
  Nat44Global_InterfaceSchema,
  Nat44GlobalSchema,
  Nat44InterfaceSchema,
  Nat44VrfRouteSchema,
  Nat44VrfTableSchema,
  VirtualReassemblySchema,
} from "./gen/ligato/vpp/nat/nat_pb.js";
export type { Exception, IPRedirect, Reason, ToHost } from "./gen/ligato/vpp/punt/punt_pb.js";
export {
  ExceptionSchema,
  IPRedirectSchema,
  L3Protocol,
  L3ProtocolSchema,
  L4Protocol,
  L4ProtocolSchema,
  ReasonSchema,
  ToHostSchema,
} from "./gen/ligato/vpp/punt/punt_pb.js";
export type {
  LocalSID,
  LocalSID_End,
  LocalSID_EndAD,
  LocalSID_EndDT4,
  LocalSID_EndDT6,
  LocalSID_EndDX2,
  LocalSID_EndDX4,
  LocalSID_EndDX6,
  LocalSID_EndT,
  LocalSID_EndX,
  Policy,
  Policy_SegmentList,
  SRv6Global,
  Steering,
  Steering_L2Traffic,
  Steering_L3Traffic,
} from "./gen/ligato/vpp/srv6/srv6_pb.js";
export {
  LocalSID_EndADSchema,
  LocalSID_EndDT4Schema,
  LocalSID_EndDT6Schema,
  LocalSID_EndDX2Schema,
  LocalSID_EndDX4Schema,
  LocalSID_EndDX6Schema,
  LocalSID_EndSchema,
  LocalSID_EndTSchema,
  LocalSID_EndXSchema,
  LocalSIDSchema,
  Policy_SegmentListSchema,
  PolicySchema,
  SRv6GlobalSchema,
  Steering_L2TrafficSchema,
  Steering_L3TrafficSchema,
  SteeringSchema,
} from "./gen/ligato/vpp/srv6/srv6_pb.js";
export type { Rule } from "./gen/ligato/vpp/stn/stn_pb.js";
export { RuleSchema } from "./gen/ligato/vpp/stn/stn_pb.js";
export type { ConfigData, Notification, Stats } from "./gen/ligato/vpp/vpp_pb.js";
export { ConfigDataSchema, NotificationSchema, StatsSchema } from "./gen/ligato/vpp/vpp_pb.js";
export type { Peer } from "./gen/ligato/vpp/wireguard/wireguard_pb.js";
export { PeerSchema } from "./gen/ligato/vpp/wireguard/wireguard_pb.js";

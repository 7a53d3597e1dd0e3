// Linux models: packages ligato.linux, .interfaces, .iptables, .l3 and .namespace.

export type {
  Interface,
  TapLink,
  VethLink,
  VrfDevLink,
} from "./gen/ligato/linux/interfaces/interface_pb.js";
export {
  Interface_Type,
  Interface_TypeSchema,
  InterfaceSchema,
  TapLinkSchema,
  VethLink_ChecksumOffloading,
  VethLink_ChecksumOffloadingSchema,
  VethLinkSchema,
  VrfDevLinkSchema,
} from "./gen/ligato/linux/interfaces/interface_pb.js";
export type {
  InterfaceNotification,
  InterfaceState,
  InterfaceState_Statistics,
} from "./gen/ligato/linux/interfaces/state_pb.js";
export {
  InterfaceNotification_NotifType,
  InterfaceNotification_NotifTypeSchema,
  InterfaceNotificationSchema,
  InterfaceState_StatisticsSchema,
  InterfaceState_Status,
  InterfaceState_StatusSchema,
  InterfaceStateSchema,
} from "./gen/ligato/linux/interfaces/state_pb.js";
export type { RuleChain } from "./gen/ligato/linux/iptables/iptables_pb.js";
export {
  RuleChain_ChainType,
  RuleChain_ChainTypeSchema,
  RuleChain_Policy,
  RuleChain_PolicySchema,
  RuleChain_Protocol,
  RuleChain_ProtocolSchema,
  RuleChain_Table,
  RuleChain_TableSchema,
  RuleChainSchema,
} from "./gen/ligato/linux/iptables/iptables_pb.js";
export type { ARPEntry } from "./gen/ligato/linux/l3/arp_pb.js";
export { ARPEntrySchema } from "./gen/ligato/linux/l3/arp_pb.js";
export type { Route } from "./gen/ligato/linux/l3/route_pb.js";
export {
  Route_Scope,
  Route_ScopeSchema,
  RouteSchema,
} from "./gen/ligato/linux/l3/route_pb.js";
export type {
  ConfigData,
  Notification,
} from "./gen/ligato/linux/linux_pb.js";
export {
  ConfigDataSchema,
  NotificationSchema,
} from "./gen/ligato/linux/linux_pb.js";
export type { NetNamespace } from "./gen/ligato/linux/namespace/namespace_pb.js";
export {
  NetNamespace_ReferenceType,
  NetNamespace_ReferenceTypeSchema,
  NetNamespaceSchema,
} from "./gen/ligato/linux/namespace/namespace_pb.js";

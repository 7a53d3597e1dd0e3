// The NSM v1 connection API: packages networkservice, connection and connectioncontext.

export type {
  Connection,
  ConnectionEvent,
  Mechanism,
  MonitorScopeSelector,
  Path,
  PathSegment,
} from "./gen/connection_pb.js";
export {
  ConnectionEventSchema,
  ConnectionEventType,
  ConnectionEventTypeSchema,
  ConnectionSchema,
  MechanismSchema,
  MonitorConnection,
  MonitorScopeSelectorSchema,
  PathSchema,
  PathSegmentSchema,
  State,
  StateSchema,
} from "./gen/connection_pb.js";
export type {
  ConnectionContext,
  DNSConfig,
  DNSContext,
  EthernetContext,
  ExtraPrefixRequest,
  IPContext,
  IpFamily,
  IpNeighbor,
  PolicyRoute,
  Route,
} from "./gen/connectioncontext_pb.js";
export {
  ConnectionContextSchema,
  DNSConfigSchema,
  DNSContextSchema,
  EthernetContextSchema,
  ExtraPrefixRequestSchema,
  IPContextSchema,
  IpFamily_Family,
  IpFamily_FamilySchema,
  IpFamilySchema,
  IpNeighborSchema,
  PolicyRouteSchema,
  RouteSchema,
} from "./gen/connectioncontext_pb.js";
export type { NetworkServiceRequest } from "./gen/networkservice_pb.js";
export {
  NetworkService,
  NetworkServiceRequestSchema,
} from "./gen/networkservice_pb.js";

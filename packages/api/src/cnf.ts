// The cnf.nsm model: package upnp.
export type {
  ConnectionLabel,
  NetworkServiceClient,
  NetworkServiceEndpoint,
} from "./gen/nsm/nsm_pb.js";
export {
  ConnectionInterfaceType,
  ConnectionInterfaceTypeSchema,
  ConnectionLabelSchema,
  NetworkServiceClientSchema,
  NetworkServiceEndpointSchema,
} from "./gen/nsm/nsm_pb.js";

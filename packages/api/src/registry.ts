// The NSM v1 registry API: package registry.
export type {
  Destination,
  Match,
  Metadata,
  NetworkService,
  NetworkServiceEndpoint,
  NetworkServiceEndpointQuery,
  NetworkServiceEndpointResponse,
  NetworkServiceLabels,
  NetworkServiceQuery,
  NetworkServiceResponse,
} from "./gen/registry_pb.js";
export {
  DestinationSchema,
  MatchSchema,
  MetadataSchema,
  NetworkServiceEndpointQuerySchema,
  NetworkServiceEndpointRegistry,
  NetworkServiceEndpointResponseSchema,
  NetworkServiceEndpointSchema,
  NetworkServiceLabelsSchema,
  NetworkServiceQuerySchema,
  NetworkServiceRegistry,
  NetworkServiceResponseSchema,
  NetworkServiceSchema,
} from "./gen/registry_pb.js";

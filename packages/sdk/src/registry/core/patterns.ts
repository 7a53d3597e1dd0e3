import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type NetworkService,
  type NetworkServiceEndpoint,
  NetworkServiceEndpointSchema,
  NetworkServiceSchema,
} from "@nsmkit/api/registry";

/** What to look for among services; what is not set fits everything. */
export const servicePattern = (init: MessageInitShape<typeof NetworkServiceSchema>): NetworkService =>
  create(NetworkServiceSchema, init);

/** What to look for among endpoints. */
export const endpointPattern = (init: MessageInitShape<typeof NetworkServiceEndpointSchema>): NetworkServiceEndpoint =>
  create(NetworkServiceEndpointSchema, init);

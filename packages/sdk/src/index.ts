// For applications: connect to network services, and serve them.
export type { Client, ClientConnection, ClientOptions, ConnectionEvents, ConnectOptions } from "./client/api.ts";
export { client } from "./client/client.ts";
export type {
  Endpoint,
  EndpointBehaviour,
  EndpointHost,
  EndpointHostOptions,
  EndpointOptions,
  OfferedService,
} from "./endpoint/api.ts";
export { endpoint, endpointHost } from "./endpoint/endpoint.ts";
export { type InsecureIdentityOptions, insecureIdentity } from "./identity/index.ts";
export { parseServiceUrl, parseServiceUrls, type ServiceUrl } from "./networkservice/common/serviceurl/service-url.ts";
export type { Identity } from "./transport/index.ts";

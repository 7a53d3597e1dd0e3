// For applications and programs.
export {
  connectRegistry,
  createRegistryClient,
  type EndpointRegistration,
  type RegistryClient,
  type RegistryClientOptions,
} from "./chains/client.ts";
export { type MemoryRegistry, type MemoryRegistryOptions, memoryRegistry } from "./chains/memory.ts";
export { type NsmgrRegistry, type NsmgrRegistryOptions, nsmgrRegistry } from "./chains/nsmgr.ts";
// For those who build chains of their own.
export { Ownership } from "./common/authorize/server.ts";
export { beginEndpoints } from "./common/begin/element.ts";
export type { Place } from "./common/clientinfo/server.ts";
export { clientInfoServer } from "./common/clientinfo/server.ts";
export { connectEndpoints, connectServices, dialClient } from "./common/connect/client.ts";
export { Deadlines } from "./common/expire/deadlines.ts";
export { type ExpireOptions, expireServer } from "./common/expire/server.ts";
export { interdomainServer } from "./common/interdomain/server.ts";
export { LocalEndpoints } from "./common/local/server.ts";
export { localBypassServer } from "./common/localbypass/server.ts";
export { recvFdClient } from "./common/recvfd/client.ts";
export { recvFdServer } from "./common/recvfd/server.ts";
export { type RefreshOptions, refreshClient, servicesKey } from "./common/refresh/client.ts";
export { sendFdClient } from "./common/sendfd/client.ts";
export { sendFdServer } from "./common/sendfd/server.ts";
export { serialize } from "./common/serialize/element.ts";
export { setPayloadServer } from "./common/setpayload/server.ts";
export { setRegistrationTimeServer } from "./common/setregistrationtime/server.ts";
export { pathKey, type RegistryPath, subjectOf } from "./common/updatepath/path.ts";
export { tokensEndKey, updatePathServer } from "./common/updatepath/server.ts";
export {
  type EntryRules,
  type NsElement,
  type NseElement,
  type NseHandler,
  type NseKind,
  type NsHandler,
  type NsKind,
  nseRules,
  nsRules,
  type Registry,
  type RegistryKind,
} from "./core/kinds.ts";
export { registryBindings } from "./core/serve.ts";
export { createDiscovery, type DiscoveryOptions } from "./discovery/discovery.ts";
export {
  containsLabels,
  fillTemplate,
  isInterdomain,
  isSubset,
  type Labels,
  matchEndpoints,
  matchesEndpointQuery,
  matchesServiceQuery,
  serviceLabels,
  splitDomain,
} from "./match/index.ts";
export { memoryEndpoints, memoryServices } from "./memory/registry.ts";
export { EntryStore, type StoreRules } from "./memory/store.ts";

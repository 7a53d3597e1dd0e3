import { type Clock, type Closable, closeAll, type Logger } from "@nsmkit/core";
import { chain } from "../../chain/index.ts";
import type { Policy } from "../../networkservice/common/authorize/policies.ts";
import type { Identity } from "../../transport/index.ts";
import { Ownership } from "../common/authorize/server.ts";
import { beginEndpoints } from "../common/begin/element.ts";
import { expireServer } from "../common/expire/server.ts";
import { interdomainServer } from "../common/interdomain/server.ts";
import { serialize } from "../common/serialize/element.ts";
import { setPayloadServer } from "../common/setpayload/server.ts";
import { setRegistrationTimeServer } from "../common/setregistrationtime/server.ts";
import { updatePathServer } from "../common/updatepath/server.ts";
import { type NseKind, type NsKind, nseRules, nsRules, type Registry } from "../core/kinds.ts";
import { memoryEndpoints, memoryServices } from "../memory/registry.ts";

export interface MemoryRegistryOptions {
  readonly identity: Identity;
  /** Longest time that a registration lasts, ms; default 60,000. */
  readonly defaultExpirationMs?: number;
  /** Where names of other domains go; without it they are UNSUPPORTED. */
  readonly proxy?: Registry | undefined;
  /** What tokens are checked for in SPIFFE mode; default: upstream's server policies. */
  readonly policies?: readonly Policy[];
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface MemoryRegistry extends Registry, Closable {
  /** Entries there are. */
  readonly counts: { readonly services: number; readonly endpoints: number };
}

/** A whole registry that keeps its entries in memory. */
export function memoryRegistry(options: MemoryRegistryOptions): MemoryRegistry {
  const { identity, proxy } = options;
  const secure = identity.mode === "spiffe";
  const stores = { services: memoryServices(), endpoints: memoryEndpoints() };
  const serviceOwners = new Ownership(nsRules, options.policies);
  const endpointOwners = new Ownership(nseRules, options.policies);
  const services = chain<NsKind>(
    [
      updatePathServer(identity),
      ...(secure ? [serviceOwners.check()] : []),
      serialize(nsRules),
      ...(secure ? [serviceOwners.keepUntilClosed()] : []),
      setPayloadServer(),
      interdomainServer(nsRules, proxy?.services),
    ],
    stores.services,
  );
  const endpoints = chain<NseKind>(
    [
      updatePathServer(identity),
      ...(secure ? [endpointOwners.check()] : []),
      beginEndpoints(options),
      ...(secure ? [endpointOwners.keepWithRegistration()] : []),
      interdomainServer(nseRules, proxy?.endpoints),
      setRegistrationTimeServer(),
      expireServer(options),
    ],
    stores.endpoints,
  );
  const close = (): Promise<void> => closeAll([services, endpoints].map(({ stop }) => ({ close: stop })));
  return {
    services,
    endpoints,
    get counts() {
      return { services: stores.services.size, endpoints: stores.endpoints.size };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

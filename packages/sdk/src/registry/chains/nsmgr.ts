import { type Clock, type Closable, closeAll, type Logger } from "@nsmkit/core";
import { chain } from "../../chain/index.ts";
import type { Policy } from "../../networkservice/common/authorize/policies.ts";
import type { Identity } from "../../transport/index.ts";
import { Ownership } from "../common/authorize/server.ts";
import { beginEndpoints } from "../common/begin/element.ts";
import { clientInfoServer, type Place } from "../common/clientinfo/server.ts";
import { expireServer } from "../common/expire/server.ts";
import { interdomainServer } from "../common/interdomain/server.ts";
import { LocalEndpoints } from "../common/local/server.ts";
import { localBypassServer } from "../common/localbypass/server.ts";
import { recvFdServer } from "../common/recvfd/server.ts";
import { sendFdServer } from "../common/sendfd/server.ts";
import { serialize } from "../common/serialize/element.ts";
import { setPayloadServer } from "../common/setpayload/server.ts";
import { setRegistrationTimeServer } from "../common/setregistrationtime/server.ts";
import { updatePathServer } from "../common/updatepath/server.ts";
import { type NseKind, type NsKind, nseRules, nsRules, type Registry } from "../core/kinds.ts";
import { memoryEndpoints, memoryServices } from "../memory/registry.ts";

export interface NsmgrRegistryOptions {
  readonly identity: Identity;
  /** The registry behind this one and the URL under which others reach this nsmgr; without it entries stay here. */
  readonly upstream?: { readonly registry: Registry; readonly publicUrl: () => string } | undefined;
  /** Labels that endpoints get. */
  readonly place?: Place;
  /** Longest time that a registration lasts, ms; default 60,000. */
  readonly defaultExpirationMs?: number;
  /** What tokens are checked for in SPIFFE mode; default: upstream's server policies. */
  readonly policies?: readonly Policy[];
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface NsmgrRegistry extends Closable {
  /** What clients, endpoints and forwarders of this node are served. */
  readonly front: Registry;
  /** What this nsmgr itself finds: the same entries, local ones with URLs that are valid in this process. */
  readonly inside: Registry;
  /** Endpoints that registered at this nsmgr, forwarders among them. */
  readonly local: LocalEndpoints;
}

/** For an nsmgr that has no registry behind it, asked for a name of another domain. */
const remedy = "give this nsmgr a registry with a proxy (NSM_REGISTRY_URL)";

/** The registry of one node: entries of its endpoints, and through it all others. */
export function nsmgrRegistry(options: NsmgrRegistryOptions): NsmgrRegistry {
  const { identity, upstream } = options;
  const secure = identity.mode === "spiffe";
  const serviceOwners = new Ownership(nsRules, options.policies);
  const endpointOwners = new Ownership(nseRules, options.policies);
  // A registry of its own has to do what the registry behind would do.
  const insideServices = upstream
    ? upstream.registry.services
    : chain<NsKind>([setPayloadServer(), interdomainServer(nsRules, undefined, remedy)], memoryServices());
  const insideEndpoints = upstream
    ? chain<NseKind>([localBypassServer(upstream.publicUrl)], upstream.registry.endpoints)
    : chain<NseKind>([interdomainServer(nseRules, undefined, remedy)], memoryEndpoints());
  const local = new LocalEndpoints();
  const services = chain<NsKind>(
    [
      updatePathServer(identity),
      ...(secure ? [serviceOwners.check()] : []),
      serialize(nsRules),
      ...(secure ? [serviceOwners.keepUntilClosed()] : []),
    ],
    insideServices,
  );
  const endpoints = chain<NseKind>(
    [
      updatePathServer(identity),
      ...(secure ? [endpointOwners.check()] : []),
      beginEndpoints(options),
      ...(secure ? [endpointOwners.keepWithRegistration()] : []),
      clientInfoServer(options.place ?? {}),
      ...(upstream ? [] : [setRegistrationTimeServer()]),
      expireServer(options),
      recvFdServer(options),
      sendFdServer(),
      local.element(),
    ],
    insideEndpoints,
  );
  const close = (): Promise<void> => closeAll([services, endpoints].map(({ stop }) => ({ close: stop })));
  return {
    front: { services, endpoints },
    local,
    inside: { services: insideServices, endpoints: insideEndpoints },
    close,
    [Symbol.asyncDispose]: close,
  };
}

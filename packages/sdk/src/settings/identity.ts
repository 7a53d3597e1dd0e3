import type { Logger } from "@nsmkit/core";
import { insecureIdentity, spiffeIdentity, workloadApi } from "../identity/index.ts";
import type { Identity } from "../transport/index.ts";

/** A name as an identity's path may have it. */
const cleaned = (name: string): string => name.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^-+|-+$/g, "") || "nsm";

/**
 * The identity that the settings ask for: from the Workload API, or an insecure one, which is logged.
 * @param options.signal ends the wait for the Workload API's first answer
 * @throws what the Workload API answers; ABORTED
 */
export async function openIdentity(
  config: { readonly spiffeEndpointSocket: string | undefined; readonly maxTokenLifetimeMs: number },
  options: { readonly name: string; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<Identity> {
  const { name, logger, signal } = options;
  const { spiffeEndpointSocket: endpoint, maxTokenLifetimeMs: tokenLifeMs } = config;
  if (endpoint === undefined) {
    logger.warn("running insecurely: SPIFFE_ENDPOINT_SOCKET is not set, so there is no TLS and no proof of identity");
    return insecureIdentity({ name: cleaned(name), tokenLifeMs });
  }
  logger.info("waiting for an identity", { endpoint });
  const identity = await spiffeIdentity({ source: workloadApi({ endpoint, logger }), tokenLifeMs, logger, signal });
  logger.info("identity received", { spiffeId: identity.spiffeId });
  return identity;
}

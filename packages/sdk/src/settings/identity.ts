import { CodedError, type Logger } from "@nsmkit/core";
import { insecureIdentity } from "../identity/index.ts";
import type { Identity } from "../transport/index.ts";

/** A name as an identity path may have it. */
const cleaned = (name: string): string => name.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^-+|-+$/g, "") || "nsm";

/**
 * The identity that the settings ask for: from the Workload API, or an insecure one, which is logged.
 * @throws UNAVAILABLE when the Workload API does not answer
 */
export async function openIdentity(
  config: { readonly spiffeEndpointSocket: string | undefined; readonly maxTokenLifetimeMs: number },
  options: { readonly name: string; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<Identity> {
  if (config.spiffeEndpointSocket !== undefined)
    throw new CodedError("UNSUPPORTED", "SPIFFE_ENDPOINT_SOCKET is set, but this build has no SPIFFE identity yet");
  options.logger.warn(
    "running insecurely: SPIFFE_ENDPOINT_SOCKET is not set, so there is no TLS and no proof of identity",
  );
  return insecureIdentity({ name: cleaned(options.name), tokenLifeMs: config.maxTokenLifetimeMs });
}

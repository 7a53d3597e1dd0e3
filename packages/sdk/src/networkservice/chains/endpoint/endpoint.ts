import { trimPathServer } from "../../common/trimpath/server.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { endHere } from "../../core/serve.ts";
import { type ServerChain, type ServerChainOptions, serverChain } from "../server.ts";

/**
 * Where connections end.
 * @param options.elements what the endpoint does: IPAM, mechanisms, DNS, its own behaviour
 */
export function endpointChain(
  options: ServerChainOptions & { readonly elements: readonly NetworkServiceElement[] },
): ServerChain {
  return serverChain(options, [trimPathServer(), ...options.elements], endHere);
}

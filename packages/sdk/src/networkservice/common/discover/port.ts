import type { NetworkService, NetworkServiceEndpoint } from "@nsmkit/api/registry";

/**
 * What the chains of connections ask of the registry. Answers come from a cache that a watch keeps fresh, so that a
 * refresh costs no call; a name asked for the first time waits for the watch's first answer. Entries are shared and
 * must not be changed. Expired endpoints are not in the answers.
 */
export interface Discovery {
  /** By exact name. @returns undefined if nobody has registered it @throws UNAVAILABLE when the registry cannot be reached and nothing is cached */
  networkService(name: string, options: { readonly signal: AbortSignal }): Promise<NetworkService | undefined>;
  /** All that offer the service, in the registry's order. */
  endpoints(
    networkService: string,
    options: { readonly signal: AbortSignal },
  ): Promise<readonly NetworkServiceEndpoint[]>;
  /** By exact name. */
  endpoint(name: string, options: { readonly signal: AbortSignal }): Promise<NetworkServiceEndpoint | undefined>;
  /** Calls `changed` after each change of the service itself, until disposed; any number of listeners cost one watch. */
  watchNetworkService(name: string, changed: (service: NetworkService | undefined) => void): Disposable;
}

import type { NetworkService, NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { isSubset, type Labels } from "./labels.ts";

/**
 * The endpoints that a service's matches give a client. Without matches all; otherwise the first match whose source
 * selector fits the client decides, even for nothing, unless it says fallthrough. Its routes are tried in order, so an
 * endpoint that two routes select is in the result twice. A match with metadata and no routes gives all.
 * Rules: networkservicemesh/sdk pkg/tools/matchutils.
 */
export function matchEndpoints(
  clientLabels: Labels,
  service: NetworkService,
  endpoints: readonly NetworkServiceEndpoint[],
): readonly NetworkServiceEndpoint[] {
  if (service.matches.length === 0) return endpoints;
  for (const match of service.matches) {
    if (!isSubset(clientLabels, match.sourceSelector, clientLabels)) continue;
    const candidates = match.routes.flatMap((route) =>
      endpoints.filter((endpoint) =>
        isSubset(serviceLabels(endpoint, service.name), route.destinationSelector, clientLabels),
      ),
    );
    if (match.fallthrough && candidates.length === 0) continue;
    if (match.metadata && match.routes.length === 0) return endpoints;
    return candidates;
  }
  return [];
}

/** The labels that an endpoint has for one of its services. */
export function serviceLabels(endpoint: NetworkServiceEndpoint, service: string): Labels {
  const labels = endpoint.networkServiceLabels;
  return (Object.hasOwn(labels, service) ? labels[service]?.labels : undefined) ?? {};
}

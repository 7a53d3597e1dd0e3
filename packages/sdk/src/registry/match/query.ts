import { equals } from "@bufbuild/protobuf";
import { MatchSchema, type NetworkService, type NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { containsLabels } from "./labels.ts";

/** True if a service fits a query: what the query sets must be equal. */
export function matchesServiceQuery(query: NetworkService, service: NetworkService): boolean {
  return (
    (query.name === "" || query.name === service.name) &&
    (query.payload === "" || query.payload === service.payload) &&
    (query.matches.length === 0 || equalMatches(query.matches, service.matches))
  );
}

function equalMatches(wanted: NetworkService["matches"], actual: NetworkService["matches"]): boolean {
  return (
    wanted.length === actual.length &&
    wanted.every((match, at) => {
      const other = actual[at];
      return other !== undefined && equals(MatchSchema, match, other);
    })
  );
}

/**
 * True if an endpoint fits a query: equal name, all queried services among its own, for each queried service its
 * labels among the endpoint's, the same expiration second, and the queried URL as part of its URL.
 */
export function matchesEndpointQuery(query: NetworkServiceEndpoint, endpoint: NetworkServiceEndpoint): boolean {
  return (
    (query.name === "" || query.name === endpoint.name) &&
    query.networkServiceNames.every((service) => endpoint.networkServiceNames.includes(service)) &&
    (query.url === "" || endpoint.url.includes(query.url)) &&
    (!query.expirationTime || query.expirationTime.seconds === (endpoint.expirationTime?.seconds ?? 0n)) &&
    hasLabels(query, endpoint)
  );
}

function hasLabels(query: NetworkServiceEndpoint, endpoint: NetworkServiceEndpoint): boolean {
  return Object.entries(query.networkServiceLabels).every(
    ([service, { labels }]) =>
      Object.hasOwn(endpoint.networkServiceLabels, service) &&
      containsLabels(endpoint.networkServiceLabels[service]?.labels ?? {}, labels),
  );
}

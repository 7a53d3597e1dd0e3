export { isInterdomain, splitDomain } from "./domain.ts";
export { matchEndpoints, serviceLabels } from "./endpoints.ts";
export { containsLabels, isSubset, type Labels } from "./labels.ts";
export { matchesEndpointQuery, matchesServiceQuery } from "./query.ts";
export { fillTemplate } from "./template.ts";

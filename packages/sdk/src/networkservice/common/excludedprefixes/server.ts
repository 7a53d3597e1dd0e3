import { connectionOf, ipContextOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";

/**
 * Adds the prefixes that the cluster uses itself, so that no endpoint hands them out.
 * @param prefixes asked at every request: the program keeps them fresh from its file
 */
export function excludedPrefixesServer(prefixes: () => readonly string[]): NetworkServiceElement {
  return {
    name: "excludedprefixes",
    role: "server",
    request(ctx, request, next) {
      const ipContext = ipContextOf(connectionOf(request));
      ipContext.excludedPrefixes = [...new Set([...ipContext.excludedPrefixes, ...prefixes()])];
      return next.request(ctx, request);
    },
  };
}

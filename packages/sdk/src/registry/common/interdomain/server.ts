import { CodedError } from "@nsmkit/core";
import type { Element, Handler } from "../../../chain/index.ts";
import type { EntryRules, RegistryKind } from "../../core/kinds.ts";
import { isInterdomain, splitDomain } from "../../match/index.ts";

/**
 * Sends what belongs to another mesh (`name@domain`, in the entry's name or a service's) to the proxy registry.
 * @param proxy undefined if none is configured: then such names are answered with UNSUPPORTED
 * @param remedy what the operator can do about that
 */
export function interdomainServer<K extends RegistryKind>(
  rules: EntryRules<K>,
  proxy: Handler<K> | undefined,
  remedy = "set NSM_PROXY_REGISTRY_URL",
): Element<K> {
  const route = (entry: K["request"], next: Handler<K>): Handler<K> => {
    const foreign = rules.names(entry).find(isInterdomain);
    if (foreign === undefined) return next;
    if (proxy) return proxy;
    throw new CodedError(
      "UNSUPPORTED",
      `${rules.noun} "${foreign}" belongs to domain "${splitDomain(foreign).domain}", and this registry knows no proxy; ${remedy}`,
    );
  };
  return {
    name: "interdomain",
    role: "server",
    request: async (ctx, entry, next) => route(entry, next).request(ctx, entry),
    close: async (ctx, entry, next) => route(entry, next).close(ctx, entry),
    async *find(ctx, query, next) {
      yield* route(rules.pattern(query), next).find(ctx, query);
    },
  };
}

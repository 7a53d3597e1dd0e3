import { connectionOf } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";
import { nextHop } from "../../dial/nexthop.ts";
import { LOCAL, mechanism, mechanismClass, REMOTE } from "../types.ts";

/** A mechanism that we can use towards the next hop. */
export interface Offer {
  readonly type: string;
  /** Payloads that it carries; default all. */
  readonly payloads?: readonly string[];
  readonly parameters?: Readonly<Record<string, string>>;
}

/**
 * Puts our own preferences in place of the caller's: LOCAL ones towards a socket on this machine, REMOTE ones towards
 * anything else, of those that carry the payload.
 * @param offers in order of preference
 * @param options.priority types that go first, in this order (NSM_MECHANISM_PRIORITY)
 */
export function preferencesClient(
  offers: readonly Offer[],
  options: { readonly priority?: readonly string[] } = {},
): NetworkServiceElement {
  const { priority = [] } = options;
  const rank = ({ type }: Offer): number => (priority.includes(type) ? priority.indexOf(type) : priority.length);
  const ordered = offers.toSorted((left, right) => rank(left) - rank(right));
  return {
    name: "preferences",
    role: "client",
    requires: ["dial"],
    request(ctx, request, next) {
      const { payload } = connectionOf(request);
      const cls = /^(unix|inode):/.test(ctx.require(nextHop).url) ? LOCAL : REMOTE;
      request.mechanismPreferences = ordered
        .filter(({ type, payloads }) => mechanismClass[type] === cls && (!payloads || payloads.includes(payload)))
        .map(({ type, parameters }) => mechanism(type, parameters));
      return next.request(ctx, request);
    },
  };
}

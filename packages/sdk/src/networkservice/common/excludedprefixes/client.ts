import type { Connection } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import { closeBelow } from "../../../chain/bounded.ts";
import { key } from "../../../chain/key.ts";
import { cloneConnection, connectionOf, ipContextOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { formatPrefix, type Prefix } from "../../core/prefix.ts";
import { addressesOf, UsedAddresses } from "./used.ts";

/**
 * Keeps the connections of one client from getting each other's addresses: those in use go into the request as
 * excluded, and a reply that uses one all the same is refused and closed.
 * @param options.group connections with the same answer may share addresses (NSM_AWARENESS_GROUPS); default: none may
 */
export function excludedPrefixesClient(
  options: { readonly group?: (connection: Connection) => string | undefined } = {},
): NetworkServiceElement {
  const { group = () => undefined } = options;
  const groups = new Map<string | undefined, UsedAddresses>();
  const heldKey = key<{ readonly used: UsedAddresses; readonly addresses: Prefix[] }>(
    "addresses in use",
    ({ used, addresses }) => used.delete(addresses),
  );

  const usedBy = (name: string | undefined): UsedAddresses => {
    const used = groups.get(name) ?? new UsedAddresses();
    groups.set(name, used);
    return used;
  };

  return {
    name: "excludedprefixes",
    role: "client",
    requires: ["begin"],
    async request(ctx, request, next) {
      const { store, established, id } = begun(ctx);
      const connection = connectionOf(request);
      const own = group(connection);
      // Its own addresses are no obstacle to a refresh.
      const held = store.take(heldKey);
      held?.used.delete(held.addresses);
      const others = [...groups].filter(([name]) => name === undefined || name !== own).map(([, used]) => used);
      const before = ipContextOf(connection).excludedPrefixes;
      const added = others.flatMap((used) => used.prefixes()).filter((prefix) => !before.includes(prefix));
      ipContextOf(connection).excludedPrefixes = [...before, ...added];
      let reply: Connection;
      try {
        reply = await next.request(ctx, request);
      } catch (error) {
        if (held) {
          held.used.add(held.addresses);
          store.set(heldKey, held);
        }
        throw error;
      }
      const ipContext = ipContextOf(reply);
      ipContext.excludedPrefixes = ipContext.excludedPrefixes.filter((prefix) => !added.includes(prefix));
      const addresses = addressesOf(ipContext);
      const taken = addresses.find((address) => others.some((used) => used.has(address)));
      if (taken) {
        if (!established) await closeBelow(ctx, next, cloneConnection(reply));
        const message = `connection "${id}" got ${formatPrefix(taken)}, which another connection of this client uses`;
        throw new CodedError("CONFLICT", message, { retryable: true });
      }
      const used = usedBy(own);
      used.add(addresses);
      store.set(heldKey, { used, addresses });
      return reply;
    },
    async close(ctx, connection, next) {
      const held = begun(ctx).store.take(heldKey);
      held?.used.delete(held.addresses);
      return next.close(ctx, connection);
    },
  };
}

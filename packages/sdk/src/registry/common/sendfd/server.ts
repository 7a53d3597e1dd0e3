import { messageOf } from "@nsmkit/core";
import { type NseElement, nseRules } from "../../core/kinds.ts";
import { socketFile } from "./socket-file.ts";

/**
 * Sends the socket files of endpoints that are found along with their entries, as `inode://`. An endpoint whose socket
 * file is gone is left out: nobody could connect to it.
 * Rules: networkservicemesh/sdk pkg/registry/common/sendfd.
 */
export function sendFdServer(): NseElement {
  return {
    name: "sendfd",
    role: "server",
    async *find(ctx, query, next) {
      const files = ctx.call?.peer.files;
      for await (const found of next.find(ctx, query)) {
        const entry = nseRules.entry(found);
        const path = entry && !found.deleted ? socketFile(entry.url) : undefined;
        if (!files || !entry || path === undefined) {
          yield found;
          continue;
        }
        try {
          yield nseRules.found({ ...entry, url: await files.send(path) }, false);
        } catch (error) {
          ctx.logger.debug("an endpoint's socket file is gone", { endpoint: entry.name, reason: messageOf(error) });
        }
      }
    },
  };
}

import type { NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { type Clock, messageOf, systemClock } from "@nsmkit/core";
import { bounded, type Context } from "../../../chain/index.ts";
import { timestampMs } from "../../../networkservice/core/connection.ts";
import type { FileTransceiver } from "../../../transport/api.ts";
import { type NseElement, nseRules } from "../../core/kinds.ts";
import { serverKey } from "../connect/server-key.ts";
import { FileTable } from "./file-table.ts";
import { isInode, pathUrl } from "./server.ts";

/** How long a file that a message names may take to arrive, ms: both travel on the same socket. */
const receiveTimeoutMs = 2_000;
/** How long a file outlives the expiration of its endpoint, ms: refreshes may be late, connections under way not cut. */
const graceMs = 60_000;

/**
 * Turns the `inode://` URL of endpoints that are found into the path of the socket file that came along, and keeps
 * that file while the endpoint lives. An endpoint whose file does not come is left out.
 */
export function recvFdClient(options: { readonly clock?: Clock } = {}): NseElement {
  const { clock = systemClock } = options;
  const table = new FileTable(clock);

  const take = async (
    ctx: Context,
    files: FileTransceiver,
    entry: NetworkServiceEndpoint,
  ): Promise<NetworkServiceEndpoint | undefined> => {
    try {
      const file = table.get(entry.name, entry.url) ?? (await receive(ctx, files, entry.url));
      const aliveMs = entry.expirationTime ? timestampMs(entry.expirationTime) : Number.POSITIVE_INFINITY;
      table.put(entry.name, file, aliveMs + graceMs);
      return { ...entry, url: pathUrl(file) };
    } catch (error) {
      ctx.logger.warn("an endpoint's socket file did not come", { endpoint: entry.name, reason: messageOf(error) });
      return undefined;
    }
  };

  const receive = async (ctx: Context, files: FileTransceiver, inodeUrl: string) => {
    using time = bounded(clock, receiveTimeoutMs, `receiving ${inodeUrl}`, [ctx.signal]);
    return await files.receive(inodeUrl, { signal: time.signal });
  };

  return {
    name: "recvfd",
    role: "client",
    async *find(ctx, query, next) {
      const { files } = ctx.require(serverKey).peer;
      for await (const found of next.find(ctx, query)) {
        const entry = nseRules.entry(found);
        if (!entry || !files || !isInode(entry.url)) {
          if (entry && found.deleted) table.delete(entry.name);
          yield found;
        } else if (found.deleted) {
          const file = table.get(entry.name, entry.url);
          if (file) yield nseRules.found({ ...entry, url: pathUrl(file) }, true);
          else yield found;
          table.delete(entry.name);
        } else {
          const local = await take(ctx, files, entry);
          if (local) yield nseRules.found(local, false);
        }
      }
    },
    async stop() {
      table.stop();
    },
  };
}

import { messageOf } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import { bounded, closeBelow } from "../../../chain/bounded.ts";
import type { Context } from "../../../chain/context.ts";
import { key } from "../../../chain/key.ts";
import type { ChannelLease, ChannelPool } from "../../../transport/client/pool.ts";
import { inodeUrl } from "../../../transport/inode.ts";
import { cloneConnection, connectionOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { nextHop, nextUrl } from "./nexthop.ts";

interface Line {
  readonly url: string;
  /** Of the socket file: the same socket may be reached by several paths. */
  readonly inode: string | undefined;
  readonly lease: ChannelLease;
}

const lineKey = key<Line>("dial", ({ lease }) => lease.release());

/**
 * Connects to the next hop and keeps a share in its channel while the connection lives. When the next hop changes,
 * the connection is closed at the old one first; another path to the same socket is no change. A close reaches for the hop that has it even when nobody says where.
 * @param options.dialTimeoutMs how long a call waits for the channel, ms; default 750 (NSM_DIAL_TIMEOUT)
 */
export function dialClient(
  pool: Pick<ChannelPool, "acquire">,
  options: { readonly dialTimeoutMs?: number } = {},
): NetworkServiceElement {
  const { dialTimeoutMs = 750 } = options;

  const over = async (ctx: Context, { url, lease }: Pick<Line, "url" | "lease">): Promise<Context> => {
    using time = bounded(ctx.clock, dialTimeoutMs, `connecting to ${url}`, [ctx.signal]);
    const peer = await lease.channel.ready({ signal: time.signal });
    return ctx.with(nextHop, { url, channel: lease.channel, peer });
  };

  return {
    name: "dial",
    role: "client",
    requires: ["begin"],
    async request(ctx, request, next) {
      const { store } = begun(ctx);
      const url = ctx.require(nextUrl);
      const old = store.get(lineKey);
      const inode = old?.url === url ? old.inode : socketInode(url);
      if (old && old.url !== url && (inode === undefined || inode !== old.inode)) {
        const connection = cloneConnection(connectionOf(request));
        await over(ctx, old).then(
          (there) => closeBelow(there, next, connection),
          (error: unknown) =>
            ctx.logger.info("the former next hop is gone", { url: old.url, reason: messageOf(error) }),
        );
        store.take(lineKey)?.lease.release();
      }
      const kept = store.get(lineKey);
      const line = kept?.url === url ? kept : { url, inode, lease: pool.acquire(url) };
      try {
        const reply = await next.request(await over(ctx, line), request);
        store.set(lineKey, line);
        if (kept !== line) kept?.lease.release();
        return reply;
      } catch (error) {
        if (kept !== line) line.lease.release();
        throw error;
      }
    },
    async close(ctx, connection, next) {
      const { store } = begun(ctx);
      const known = store.take(lineKey);
      const url = ctx.get(nextUrl) ?? known?.url;
      if (url === undefined) return next.close(ctx, connection);
      const line = known?.url === url ? known : { url, lease: pool.acquire(url) };
      try {
        const there = await over(ctx, line).catch((error: unknown) => {
          ctx.logger.warn("cannot reach the next hop to close a connection", {
            connection: connection.id,
            url,
            reason: messageOf(error),
          });
          return ctx;
        });
        await next.close(there, connection);
      } finally {
        line.lease.release();
        if (known !== line) known?.lease.release();
      }
    },
  };
}

function socketInode(url: string): string | undefined {
  try {
    return url.startsWith("unix:///") ? inodeUrl(url.slice("unix://".length)) : undefined;
  } catch {
    return undefined;
  }
}

import { begun } from "../../../../chain/begin.ts";
import { closeBelow } from "../../../../chain/bounded.ts";
import { cloneConnection, connectionOf } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";
import { nextHop } from "../../dial/nexthop.ts";
import { fileOf, HeldFiles, heldFilesKey, refusePath } from "./files.ts";

const filesKey = heldFilesKey("next hop");

/**
 * Takes the file that the next hop's reply names: an endpoint's network namespace becomes a path in this process. A path
 * that we did not send ourselves is refused, as from a caller.
 */
export function recvFdClient(): NetworkServiceElement {
  return {
    name: "recvfd",
    role: "client",
    requires: ["begin", "dial"],
    async request(ctx, request, next) {
      const ours = new Set([...request.mechanismPreferences, connectionOf(request).mechanism].map(fileOf));
      const reply = await next.request(ctx, request);
      const { store, established } = begun(ctx);
      try {
        if (!ours.has(fileOf(reply.mechanism))) refusePath(reply.mechanism, "PROTOCOL");
        const files = ctx.get(nextHop)?.peer.files;
        if (!files) return reply;
        const held = store.get(filesKey) ?? new HeldFiles();
        store.set(filesKey, held);
        await held.toPath(ctx, files, reply.mechanism);
      } catch (error) {
        if (!established) await closeBelow(ctx, next, cloneConnection(reply));
        throw error;
      }
      return reply;
    },
    async close(ctx, connection, next) {
      try {
        await next.close(ctx, connection);
      } finally {
        begun(ctx).store.take(filesKey)?.release();
      }
    },
  };
}

import { begun } from "../../../../chain/begin.ts";
import { connectionOf } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";
import { HeldFiles, heldFilesKey, refusePath } from "./files.ts";

const filesKey = heldFilesKey("caller");

/**
 * Takes the files that the caller sent over its unix socket: `inode://` URLs of its mechanisms become paths that work
 * in this process, and its own URL goes back in the reply. The files are open while the connection lives. A path is
 * refused: it would be opened with our rights, and name the namespace of the node or of another Pod.
 */
export function recvFdServer(): NetworkServiceElement {
  return {
    name: "recvfd",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      const mechanisms = [connectionOf(request).mechanism, ...request.mechanismPreferences];
      if (ctx.call) for (const mechanism of mechanisms) refusePath(mechanism, "INVALID_ARGUMENT");
      const files = ctx.call?.peer.files;
      if (!files) return next.request(ctx, request);
      const { store } = begun(ctx);
      const held = store.get(filesKey) ?? new HeldFiles();
      store.set(filesKey, held);
      for (const mechanism of mechanisms) await held.toPath(ctx, files, mechanism);
      const reply = await next.request(ctx, request);
      const chosen = held.toInode(reply.mechanism);
      if (chosen !== undefined) held.keepOnly(chosen);
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

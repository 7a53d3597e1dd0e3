import { begun } from "../../../../chain/begin.ts";
import { closeBelow } from "../../../../chain/bounded.ts";
import { cloneConnection } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";
import { nextHop } from "../../dial/nexthop.ts";
import { HeldFiles, heldFilesKey } from "./files.ts";

const filesKey = heldFilesKey("next hop");

/** Takes the file that the next hop's reply names: an endpoint's network namespace becomes a path in this process. */
export function recvFdClient(): NetworkServiceElement {
  return {
    name: "recvfd",
    role: "client",
    requires: ["begin", "dial"],
    async request(ctx, request, next) {
      const reply = await next.request(ctx, request);
      const files = ctx.get(nextHop)?.peer.files;
      if (!files) return reply;
      const { store, established } = begun(ctx);
      const held = store.get(filesKey) ?? new HeldFiles();
      store.set(filesKey, held);
      try {
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

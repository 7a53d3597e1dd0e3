import type { Mechanism } from "@nsmkit/api/networkservice";
import type { Context } from "../../../../chain/context.ts";
import { inodeUrl } from "../../../../transport/inode.ts";
import { cloneConnection, connectionOf } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";
import { nextHop, outgoingFiles } from "../../dial/nexthop.ts";
import { parameter } from "../types.ts";
import { filePath } from "./file-url.ts";

/**
 * Sends the files that mechanisms name (`file://`) with the call over the unix socket to the next hop, and puts
 * `inode://` URLs in their place; in the reply the way back. Over TCP nothing can be sent and the URLs stay.
 */
export function sendFdClient(): NetworkServiceElement {
  return {
    name: "sendfd",
    role: "client",
    requires: ["dial"],
    async request(ctx, request, next) {
      const files = new SentFiles();
      for (const mechanism of [...request.mechanismPreferences, connectionOf(request).mechanism])
        await files.add(ctx, mechanism);
      const reply = await next.request(files.with(ctx), request);
      files.back(reply.mechanism);
      return reply;
    },
    async close(ctx, closing, next) {
      const connection = cloneConnection(closing);
      const files = new SentFiles();
      await files.add(ctx, connection.mechanism).catch((error: unknown) => {
        // The namespace may be gone, which is often why the connection is closed.
        ctx.logger.debug("nothing to send with a close", { connection: connection.id, error });
      });
      return next.close(files.with(ctx), connection);
    },
  };
}

/** The files of one call. */
class SentFiles {
  readonly #paths = new Set<string>();
  readonly #fileByInode = new Map<string, string>();

  async add(ctx: Context, mechanism: Mechanism | undefined): Promise<void> {
    const url = mechanism?.parameters[parameter.inodeUrl];
    const path = filePath(url);
    if (!mechanism || url === undefined || path === undefined || !ctx.get(nextHop)?.peer.files) return;
    const inode = await inodeUrl(path);
    this.#paths.add(path);
    this.#fileByInode.set(inode, url);
    mechanism.parameters[parameter.inodeUrl] = inode;
  }

  with(ctx: Context): Context {
    return this.#paths.size === 0 ? ctx : ctx.with(outgoingFiles, [...this.#paths]);
  }

  back(mechanism: Mechanism | undefined): void {
    const file = this.#fileByInode.get(mechanism?.parameters[parameter.inodeUrl] ?? "");
    if (mechanism && file !== undefined) mechanism.parameters[parameter.inodeUrl] = file;
  }
}

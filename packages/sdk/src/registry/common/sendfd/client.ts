import type { NseElement } from "../../core/kinds.ts";
import { serverKey } from "../connect/server-key.ts";
import { socketFile } from "./socket-file.ts";

/**
 * Sends the socket file of an endpoint that registers, so that the server can connect whatever it sees of our file
 * system. In the reply the URL is our own again.
 */
export function sendFdClient(): NseElement {
  return {
    name: "sendfd",
    role: "client",
    async request(ctx, entry, next) {
      const { url } = entry;
      const path = socketFile(url);
      const { files } = ctx.require(serverKey).peer;
      if (path === undefined || !files) return next.request(ctx, entry);
      const inodeUrl = await files.send(path);
      const reply = await next.request(ctx, { ...entry, url: inodeUrl });
      if (reply.url === inodeUrl) reply.url = url;
      return reply;
    },
    async close(ctx, entry, next) {
      const path = socketFile(entry.url);
      const { files } = ctx.require(serverKey).peer;
      if (path === undefined || !files) return next.close(ctx, entry);
      // The socket file may be gone already; the name is what counts.
      const url = await files.send(path).catch(() => entry.url);
      return next.close(ctx, { ...entry, url });
    },
  };
}

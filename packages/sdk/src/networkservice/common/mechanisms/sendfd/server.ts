import { begun } from "../../../../chain/begin.ts";
import { closeBelow } from "../../../../chain/bounded.ts";
import { cloneConnection } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";
import { parameter } from "../types.ts";
import { filePath } from "./file-url.ts";

/** Sends the file that the reply's mechanism names to the caller, with `inode://` in its place, if there is a unix socket. */
export function sendFdServer(): NetworkServiceElement {
  return {
    name: "sendfd",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      const { established } = begun(ctx);
      const reply = await next.request(ctx, request);
      const files = ctx.call?.peer.files;
      const { mechanism } = reply;
      try {
        const path = filePath(mechanism?.parameters[parameter.inodeUrl]);
        if (files && mechanism && path !== undefined) mechanism.parameters[parameter.inodeUrl] = await files.send(path);
      } catch (error) {
        if (!established) await closeBelow(ctx, next, cloneConnection(reply));
        throw error;
      }
      return reply;
    },
  };
}

import { type Clock, CodedError } from "@nsmkit/core";
import { begun, type Context, key } from "../../../chain/index.ts";
import type { ReceivedFile } from "../../../transport/api.ts";
import type { NseElement } from "../../core/kinds.ts";
import { LingeringFiles } from "./lingering.ts";

/**
 * Takes the socket file of an endpoint that registers with `inode://`, and registers its path in this process instead.
 * The file stays open as long as the registration, and some time longer.
 * Rules: networkservicemesh/sdk pkg/registry/common/recvfd.
 */
export function recvFdServer(options: { readonly clock?: Clock } = {}): NseElement {
  const released = new LingeringFiles(options.clock);
  const fileKey = key<ReceivedFile>("registry file", (file) => released.release(file));
  return {
    name: "recvfd",
    role: "server",
    requires: ["begin"],
    async request(ctx, entry, next) {
      const inodeUrl = entry.url;
      if (!isInode(inodeUrl)) return next.request(ctx, entry);
      const { store } = begun(ctx);
      const held = store.get(fileKey);
      const file = held?.inodeUrl === inodeUrl ? held : await receive(ctx, inodeUrl, entry.name);
      entry.url = pathUrl(file);
      try {
        const reply = await next.request(ctx, entry);
        if (reply.url === pathUrl(file)) reply.url = inodeUrl;
        store.set(fileKey, file);
        if (held && held !== file) released.release(held);
        return reply;
      } catch (error) {
        if (file !== held) released.release(file);
        throw error;
      }
    },
    async close(ctx, entry, next) {
      const held = begun(ctx).store.get(fileKey);
      if (held && held.inodeUrl === entry.url) entry.url = pathUrl(held);
      return next.close(ctx, entry);
    },
    async stop() {
      released.stop();
    },
  };
}

export const isInode = (url: string): boolean => url.startsWith("inode://");
export const pathUrl = (file: ReceivedFile): string => `unix://${file.path}`;

async function receive(ctx: Context, inodeUrl: string, endpoint: string): Promise<ReceivedFile> {
  const files = ctx.call?.peer.files;
  if (files) return files.receive(inodeUrl, { signal: ctx.signal });
  throw new CodedError(
    "INVALID_ARGUMENT",
    `endpoint "${endpoint}" registers "${inodeUrl}", whose file can only come over a unix socket; register a unix:// or tcp:// url`,
  );
}

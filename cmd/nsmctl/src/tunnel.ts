import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type Closable, messageOf } from "@nsmkit/core";

/** Opens connections to one place. @throws CodedError UNAVAILABLE, UNAUTHENTICATED */
export type Dialer = (options: { readonly signal: AbortSignal }) => Promise<Duplex>;

export interface Tunnel extends Closable {
  /** Absolute path of a unix socket, for this user alone. */
  readonly path: string;
}

/**
 * A unix socket whose connections lead where the dialer does: a way for clients that only know addresses.
 * @param options.directory in which a folder for it is made; default that for temporary files
 */
export async function openTunnel(
  dial: Dialer,
  options: { readonly signal: AbortSignal; readonly directory?: string },
): Promise<Tunnel> {
  const folder = await mkdtemp(join(options.directory ?? tmpdir(), "nsmctl-"));
  const path = join(folder, "s");
  const sockets = new Set<Socket>();
  const carry = async (socket: Socket): Promise<void> => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.pause();
    try {
      const far = await dial(options);
      far.on("error", () => socket.destroy());
      far.on("close", () => socket.destroy());
      socket.on("close", () => far.destroy());
      socket.pipe(far).pipe(socket);
    } catch (error) {
      socket.destroy(new Error(messageOf(error)));
    }
  };
  const server = createServer((socket) => void carry(socket));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
  const close = async (): Promise<void> => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await rm(folder, { recursive: true, force: true });
  };
  return { path, close, [Symbol.asyncDispose]: close };
}

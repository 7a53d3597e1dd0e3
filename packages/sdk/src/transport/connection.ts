import type { Socket } from "node:net";
import type { Logger } from "@nsmkit/core";
import type { Identity, Peer, ServerTls } from "./api.ts";
import type { BytePipe } from "./pipe.ts";
import { type ClientTlsContext, secureClient, secureFromClient, secureServer, secureToServer } from "./secure.ts";
import { PipeDuplex } from "./socket/duplex.ts";
import { NodePipe } from "./socket/nodepipe.ts";
import { noticeLoss } from "./socket/tcp.ts";
import { UnixSocket } from "./socket/unix.ts";
import { formatTarget, type Target } from "./target.ts";

/** A connected byte stream and who is at its other end. */
export interface Transport {
  readonly pipe: BytePipe;
  readonly peer: Peer;
}

/**
 * Makes a transport of a connected socket: files below, TLS above if the identity has it.
 * @param socket of either side; a unix socket was not read yet. It is closed when this fails
 * @throws UNAUTHENTICATED, UNAVAILABLE, and the signal's reason
 */
export async function openTransport(
  socket: Socket,
  side: "client" | "server",
  options: {
    target: Target;
    identity: Pick<Identity, "tls">;
    serverTls?: ServerTls;
    clientTls?: ClientTlsContext;
    /** Default true. */
    files?: boolean;
    signal: AbortSignal;
    logger?: Logger;
  },
): Promise<Transport> {
  const { target, identity, serverTls, clientTls, files = true, signal } = options;
  if (serverTls) return openToServer(socket, { target, serverTls, signal });
  if (clientTls) return openFromClient(socket, { target, clientTls, signal });
  const { tls } = identity;
  const secure = side === "client" ? secureClient : secureServer;
  if (target.transport === "tcp" || !files) {
    const address = addressOf(socket, target);
    const peer: Peer = { transport: target.transport, address };
    if (target.transport === "tcp") noticeLoss(socket);
    if (!tls) return { pipe: new NodePipe(socket), peer };
    const secured = await secure(socket, tls, { address, signal });
    return { pipe: new NodePipe(secured.socket), peer: { ...peer, ...secured.certificates } };
  }
  const unix = new UnixSocket(socket, options);
  const address = formatTarget(target);
  const { credentials } = unix;
  const peer: Peer = { transport: "unix", address, files: unix, ...(credentials ? { credentials } : {}) };
  if (!tls) return { pipe: unix, peer };
  const secured = await secure(new PipeDuplex(unix), tls, { address, signal });
  return { pipe: new NodePipe(secured.socket), peer: { ...peer, ...secured.certificates } };
}

/** Files pass between members of a mesh only, so a unix socket is a stream like any other here. */
async function openToServer(
  socket: Socket,
  options: { target: Target; serverTls: ServerTls; signal: AbortSignal },
): Promise<Transport> {
  const { target, serverTls, signal } = options;
  const host = target.transport === "tcp" ? target.host || "localhost" : "localhost";
  const address = formatTarget(target);
  if (target.transport === "tcp") noticeLoss(socket);
  const secured = await secureToServer(socket, serverTls, { host, address, signal });
  const { certificate } = secured;
  return { pipe: new NodePipe(secured.socket), peer: { transport: target.transport, address, certificate } };
}

async function openFromClient(
  socket: Socket,
  options: { target: Target; clientTls: ClientTlsContext; signal: AbortSignal },
): Promise<Transport> {
  const { target, clientTls, signal } = options;
  const address = addressOf(socket, target);
  if (target.transport === "tcp") noticeLoss(socket);
  const secured = await secureFromClient(socket, clientTls, { address, signal });
  const { certificate } = secured;
  const peer: Peer = { transport: target.transport, address, ...(certificate ? { certificate } : {}) };
  return { pipe: new NodePipe(secured.socket), peer };
}

function addressOf(socket: Socket, target: Target): string {
  return target.transport === "tcp" ? `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}` : formatTarget(target);
}

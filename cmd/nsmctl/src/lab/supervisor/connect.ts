import { connect, Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CodedError, messageOf } from "@nsmkit/core";
import type { Handle } from "@nsmkit/netlink";

/** Opens a TCP connection from within another network namespace. @throws CodedError UNAVAILABLE */
export async function connectInside(
  handle: Handle,
  address: string,
  port: number,
  options: { readonly signal: AbortSignal },
): Promise<Duplex> {
  const fd = await handle
    .openSocket({ kind: "tcp-connect", address, port }, options)
    .catch((cause: unknown) => refuse(`${address}:${port}`, cause));
  // The kernel says how the attempt ended when the socket is first used.
  return new Socket({ fd, readable: true, writable: true });
}

/** A unix socket as a Pod sees it. */
export function connectUnix(podPid: number, path: string): Promise<Duplex> {
  const socket = connect(join("/proc", `${podPid}`, "root", path));
  return new Promise((resolve, reject) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", (cause) => reject(new CodedError("UNAVAILABLE", `${path}: ${messageOf(cause)}`, { cause })));
  });
}

function refuse(where: string, cause: unknown): never {
  throw new CodedError("UNAVAILABLE", `${where}: ${messageOf(cause)}`, { cause });
}

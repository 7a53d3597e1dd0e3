import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "@nsmkit/core";
import type { Peer } from "./api.ts";
import { PipeDuplex } from "./socket/duplex.ts";
import { UnixSocket } from "./socket/unix.ts";
import { formatTarget, type Target } from "./target.ts";

/** A connected byte stream and who is at its other end. */
export interface Transport {
  readonly duplex: Duplex;
  readonly peer: Peer;
}

/** Makes a transport of a connected socket of either side. A unix socket was not read yet. */
export function openTransport(socket: Socket, target: Target, options: { logger?: Logger }): Transport {
  if (target.transport === "tcp") {
    const address = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    return { duplex: socket, peer: { transport: "tcp", address } };
  }
  const unix = new UnixSocket(socket, options);
  return {
    duplex: new PipeDuplex(unix),
    peer: {
      transport: "unix",
      address: formatTarget(target),
      files: unix,
      ...(unix.credentials ? { credentials: unix.credentials } : {}),
    },
  };
}

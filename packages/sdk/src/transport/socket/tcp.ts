import type { Socket } from "node:net";
import { setTcpUserTimeout } from "./libc.ts";

/** Silence after which the kernel asks whether a TCP peer is still there, ms. */
export const tcpKeepAliveMs = 5000;

/**
 * Silence of a peer that has something to acknowledge, ms, before the kernel gives the connection up (TCP_USER_TIMEOUT,
 * tcp(7)): a node that died takes its streams with it soon, not after the quarter of an hour that TCP would go on trying.
 */
const userTimeoutMs = 15_000;

/** Makes a TCP connection notice a peer that is gone without a word. */
export function noticeLoss(socket: Socket): void {
  const handle: unknown = "_handle" in socket ? socket._handle : undefined;
  if (
    typeof handle === "object" &&
    handle !== null &&
    "fd" in handle &&
    typeof handle.fd === "number" &&
    handle.fd >= 0
  ) {
    setTcpUserTimeout(handle.fd, userTimeoutMs);
  }
}

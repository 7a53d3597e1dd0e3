import { closeSync } from "node:fs";
import { abortable, CodedError } from "@nsmkit/core";
import { systemError } from "../os/errno.ts";
import { calls, errno, SO_ERROR, SOL_SOCKET } from "../os/libc.ts";
import type { Poller } from "../os/poller.ts";

/** Waits until a non-blocking connect has succeeded. The descriptor is closed on every failure. */
export async function connected(fd: number, poller: Poller, doing: string, signal?: AbortSignal): Promise<number> {
  let stop: (() => void) | undefined;
  const ready = new Promise<void>((resolve) => {
    stop = poller.watch(fd, resolve, { writable: true }).stop;
  });
  try {
    await abortable(ready, signal, doing);
    stop?.();
    const reason = pendingError(fd);
    if (reason !== 0) throw systemError({ errno: reason, doing });
    return fd;
  } catch (error) {
    stop?.();
    closeSync(fd);
    throw error;
  }
}

/** Takes the socket's pending error. */
export function pendingError(fd: number): number {
  const value = new Int32Array(1);
  const length = Uint32Array.of(4);
  const result = calls.getsockopt(
    fd,
    SOL_SOCKET,
    SO_ERROR,
    new Uint8Array(value.buffer),
    new Uint8Array(length.buffer),
  );
  if (result < 0)
    throw new CodedError("KERNEL", `cannot read the error of socket ${fd}`, { details: { errno: errno() } });
  return value[0] ?? 0;
}

import { closeSync } from "node:fs";
import { EINPROGRESS, SystemCallError } from "../os/errno.ts";
import { calls, errno, SOCK_CLOEXEC, SOCK_NONBLOCK } from "../os/libc.ts";
import type { CallValues, SocketSpec } from "./protocol.ts";

/** Opens in the calling thread's present namespace, non-blocking and close-on-exec. */
export function openSocket(spec: SocketSpec): CallValues["openSocket"] {
  const fd = calls.socket(spec.family, spec.type | SOCK_NONBLOCK | SOCK_CLOEXEC, spec.protocol);
  if (fd < 0) throw new SystemCallError(errno(), spec.doing);
  try {
    for (const { level, name, value, optional } of spec.options)
      if (calls.setsockopt(fd, level, name, value, value.length) < 0 && !optional)
        throw new SystemCallError(errno(), spec.doing);
    if (spec.bind && calls.bind(fd, spec.bind, spec.bind.length) < 0) throw new SystemCallError(errno(), spec.doing);
    if (spec.listen !== undefined && calls.listen(fd, spec.listen) < 0) throw new SystemCallError(errno(), spec.doing);
    return { fd, connecting: spec.connect !== undefined && startConnect(fd, spec.connect, spec.doing) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** @returns whether the connection is still being made */
function startConnect(fd: number, address: Uint8Array, doing: string): boolean {
  if (calls.connect(fd, address, address.length) === 0) return false;
  const reason = errno();
  if (reason === EINPROGRESS) return true;
  throw new SystemCallError(reason, doing);
}

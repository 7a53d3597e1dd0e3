import type { Socket } from "node:net";
import { CodedError } from "@nsmkit/core";

/** What we use of the libuv handle inside a net.Socket. Not public API of Node; see readiness.test.ts. */
interface StreamHandle {
  readonly fd: number;
  reading: boolean;
  onread: (...args: unknown[]) => void;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
}

/** Tells when a socket can be read, without reading it. */
export interface Readiness {
  readonly fd: number;
  readonly active: boolean;
  start(): void;
  stop(): void;
}

/**
 * Turns a connected socket that was never read (`pauseOnConnect`, or paused before it connected) into a readiness poller.
 * Given a read buffer of no length, libuv calls back with ENOBUFS each time the socket is readable and leaves the bytes in
 * the kernel, so that we can take them by recvmsg together with the descriptors beside them.
 * @throws UNSUPPORTED when this Node has another inside
 */
export function readinessOf(socket: Socket, onReadable: () => void): Readiness {
  const handle = handleOf(socket);
  handle.useUserBuffer(new Uint8Array(0));
  handle.onread = onReadable;
  return {
    fd: handle.fd,
    get active() {
      return handle.reading;
    },
    start() {
      if (handle.reading) return;
      handle.reading = true;
      handle.readStart();
    },
    stop() {
      if (!handle.reading) return;
      handle.reading = false;
      handle.readStop();
    },
  };
}

function handleOf(socket: Socket): StreamHandle {
  const handle: unknown = "_handle" in socket ? socket._handle : undefined;
  if (!isStreamHandle(handle)) {
    throw new CodedError(
      "UNSUPPORTED",
      `Node ${process.version} keeps its sockets in a form that files cannot be passed over; use the version that package.json pins`,
    );
  }
  return handle;
}

function isStreamHandle(value: unknown): value is StreamHandle {
  return (
    typeof value === "object" &&
    value !== null &&
    "fd" in value &&
    typeof value.fd === "number" &&
    value.fd >= 0 &&
    ["useUserBuffer", "readStart", "readStop"].every(
      (name) => name in value && typeof Reflect.get(value, name) === "function",
    )
  );
}

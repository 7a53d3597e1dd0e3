/**
 * Tells when descriptors become readable or writable, without a thread and without a timer. All of them hang on one
 * epoll descriptor, which libuv watches like any stream: Node's pipe handle is given the epoll descriptor and a
 * zero-length buffer, so that libuv reports readiness (UV_ENOBUFS) and never reads.
 */
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { CodedError } from "@nsmkit/core";
import { errnoText } from "./errno.ts";
import { AF_UNIX, calls, errno, O_CLOEXEC, SOCK_CLOEXEC, SOCK_STREAM } from "./libc.ts";

// sys/epoll.h
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EPOLLOUT = 4;

/** sizeof(struct epoll_event): packed on x86-64 (12), padded elsewhere (16). */
const eventBytes = process.arch === "x64" ? 12 : 16;
const dataOffset = eventBytes - 8;
const eventsPerWait = 64;

/** What we use of Node's stream handle (lib/internal/stream_base_commons.js). Not public API: guarded by a test. */
interface StreamHandle {
  open(fd: number): number;
  useUserBuffer(buffer: Uint8Array): void;
  onread: () => void;
  readStart(): number;
  close(): void;
  ref(): void;
  unref(): void;
}

export interface Watch {
  /** Ends the watch. The descriptor stays open. */
  stop(): void;
  ref(): void;
  unref(): void;
}

export class Poller {
  readonly #epoll: number;
  readonly #handle: StreamHandle;
  readonly #watches = new Map<number, { readonly onReady: () => void; ref: boolean }>();
  readonly #events = new Uint8Array(eventBytes * eventsPerWait);
  #refs = 0;
  #closed = false;

  constructor(epoll: number, handle: StreamHandle) {
    this.#epoll = epoll;
    this.#handle = handle;
  }

  static start(): Poller {
    const epoll = calls.epollCreate(O_CLOEXEC);
    if (epoll < 0) throw new CodedError("KERNEL", `cannot create an epoll descriptor: ${errnoText(errno())}`);
    const handle = pipeHandle();
    const poller = new Poller(epoll, handle);
    const status = handle.open(epoll);
    if (status !== 0) throw new CodedError("INTERNAL", `this Node.js cannot watch an epoll descriptor (${status})`);
    handle.useUserBuffer(new Uint8Array(0));
    handle.onread = () => poller.#dispatch();
    handle.readStart();
    handle.unref();
    return poller;
  }

  /** Calls `onReady` whenever the descriptor is ready; it must then read or write until that would block. */
  watch(fd: number, onReady: () => void, options: { readonly writable?: boolean; readonly ref?: boolean } = {}): Watch {
    if (this.#closed) throw new CodedError("CLOSED", "netlink was closed");
    const event = new Uint8Array(eventBytes);
    const view = new DataView(event.buffer);
    view.setUint32(0, options.writable ? EPOLLOUT : EPOLLIN, true);
    view.setInt32(dataOffset, fd, true);
    if (calls.epollCtl(this.#epoll, EPOLL_CTL_ADD, fd, event) < 0)
      throw new CodedError("INTERNAL", `cannot watch descriptor ${fd}: ${errnoText(errno())}`);
    const entry = { onReady, ref: false };
    this.#watches.set(fd, entry);
    const setRef = (ref: boolean): void => {
      if (entry.ref === ref) return;
      entry.ref = ref;
      this.#count(ref ? 1 : -1);
    };
    setRef(options.ref ?? true);
    return {
      ref: () => setRef(this.#watches.get(fd) === entry),
      unref: () => setRef(false),
      stop: () => {
        if (this.#watches.get(fd) !== entry) return;
        setRef(false);
        this.#watches.delete(fd);
        if (!this.#closed) calls.epollCtl(this.#epoll, EPOLL_CTL_DEL, fd, event);
      },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle.close();
  }

  #count(change: 1 | -1): void {
    this.#refs += change;
    if (this.#closed) return;
    if (this.#refs > 0) this.#handle.ref();
    else this.#handle.unref();
  }

  #dispatch(): void {
    if (this.#closed) return;
    const count = calls.epollWait(this.#epoll, this.#events, eventsPerWait, 0);
    // Taken out first: a callback may end other watches, or begin new ones under the same number.
    const view = new DataView(this.#events.buffer);
    const ready = Array.from({ length: Math.max(0, count) }, (_, index) =>
      this.#watches.get(view.getInt32(index * eventBytes + dataOffset, true)),
    );
    for (const watch of ready) watch?.onReady();
    // More than fit are reported again: epoll is level-triggered.
  }
}

/** A fresh pipe handle. Its class is only reachable through a socket that has one. */
function pipeHandle(): StreamHandle {
  const pair = new Int32Array(2);
  if (calls.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(pair.buffer)) < 0)
    throw new CodedError("KERNEL", `cannot create a socket pair: ${errnoText(errno())}`);
  const [mine = -1, other = -1] = pair;
  const socket = new Socket({ fd: mine, readable: false, writable: false });
  try {
    const { _handle: handle } = socket as unknown as { _handle: { constructor: new (type: number) => StreamHandle } };
    // 0 = SOCKET, as opposed to SERVER and IPC (src/pipe_wrap.h).
    const fresh = new handle.constructor(0);
    if (typeof fresh.useUserBuffer !== "function")
      throw new CodedError("INTERNAL", "this Node.js has no useUserBuffer");
    return fresh;
  } finally {
    socket.destroy();
    closeSync(other);
  }
}

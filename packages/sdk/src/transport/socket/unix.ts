import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { type Clock, CodedError, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { FileTransceiver, ReceivedFile } from "../api.ts";
import { inodeUrlOfFd } from "../inode.ts";
import { type BytePipe, type PipeEvents, pipeHighWaterBytes } from "../pipe.ts";
import {
  filledBuffer,
  isBusy,
  peerCredentials,
  receive,
  receivedBytes,
  sendBytes,
  sendDescriptor,
  systemError,
} from "./libc.ts";
import { ParkedFiles } from "./parked.ts";
import { type Readiness, readinessOf } from "./readiness.ts";

/** linux/fcntl.h; Node has no name for it. Without it a socket file could not be opened. */
const O_PATH = 0o10000000;

/** Reads in a row before other sockets get their turn. */
const readsPerTurn = 16;

/** Pauses before another try when a descriptor cannot leave now and no bytes are left to wait behind, ms. */
const firstRetryMs = 1;
const longestRetryMs = 50;

/**
 * A unix stream socket whose bytes we move ourselves, so that open files can travel beside them. libuv waits for the socket
 * in both directions but reads nothing, and writes only what the kernel did not take at once.
 */
export class UnixSocket implements BytePipe, FileTransceiver {
  readonly credentials: { readonly pid: number; readonly uid: number; readonly gid: number } | undefined;
  readonly #logger: Logger;
  readonly #socket: Socket;
  readonly #readiness: Readiness;
  readonly #parked: ParkedFiles;
  readonly #outgoingFds: number[] = [];
  readonly #queue: Uint8Array[] = [];
  #events: PipeEvents | undefined;
  #queuedBytes = 0;
  /** libuv or a timer holds the head of the queue; nothing may overtake it. */
  #held = false;
  #wantsDrain = false;
  #ending = false;
  #ended = false;
  #destroyed = false;
  #retryMs = firstRetryMs;
  #error: unknown;

  /** @param socket connected and never read; it belongs to this object from now on */
  constructor(socket: Socket, options: { clock?: Clock; logger?: Logger } = {}) {
    this.#logger = options.logger ?? silentLogger;
    this.#socket = socket;
    this.#parked = new ParkedFiles(options.clock ?? systemClock);
    this.#readiness = readinessOf(socket, () => this.#onReadable());
    this.credentials = peerCredentials(this.#readiness.fd);
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.#onClosed());
  }

  start(events: PipeEvents): void {
    this.#events = events;
    if (this.#destroyed) return;
    this.#readiness.start();
  }

  pause(): void {
    if (!this.#destroyed) this.#readiness.stop();
  }

  resume(): void {
    if (!this.#destroyed && !this.#ended) this.#readiness.start();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#destroyed || this.#ending) return true;
    const rest = this.#held ? bytes : this.#send(bytes);
    if (rest === undefined) return true;
    if (rest.length > 0) {
      this.#queue.push(rest);
      this.#queuedBytes += rest.length;
      if (!this.#held) this.#hold();
    }
    // Once asked to wait, a writer waits for the word to go on, however much has left meanwhile.
    if (this.#queuedBytes > pipeHighWaterBytes) this.#wantsDrain = true;
    return !this.#wantsDrain;
  }

  end(): void {
    if (this.#ending || this.#destroyed) return;
    this.#ending = true;
    if (!this.#held) this.#socket.end();
  }

  destroy(error?: unknown): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#error = error;
    this.#parked.close();
    for (const fd of this.#outgoingFds.splice(0)) closeSync(fd);
    this.#queue.length = 0;
    this.#socket.destroy();
  }

  // Opening is done here and now: in a pool thread /proc/thread-self would be another thread.
  async send(path: string): Promise<string> {
    if (this.#destroyed) throw new CodedError("CLOSED", `cannot send the file ${path}: the connection is closed`);
    let fd: number;
    try {
      fd = openSync(path, O_PATH);
    } catch (cause) {
      throw openError(path, cause);
    }
    this.#outgoingFds.push(fd);
    return inodeUrlOfFd(fd);
  }

  async receive(inodeUrl: string, options: { signal: AbortSignal }): Promise<ReceivedFile> {
    const fd = await this.#parked.take(inodeUrl, options.signal);
    let open = true;
    const close = async (): Promise<void> => {
      if (!open) return;
      open = false;
      closeSync(fd);
    };
    return { path: `/proc/${process.pid}/fd/${fd}`, inodeUrl, close, [Symbol.asyncDispose]: close };
  }

  #onReadable(): void {
    for (let turn = 0; turn < readsPerTurn && !this.#destroyed; turn++) {
      const { count, fds, truncated } = receive(this.#readiness.fd);
      if (truncated) this.#logger.warn("files of a peer were dropped: too many at once, or no descriptor left");
      if (count > 0) {
        // The bytes are in a buffer that all sockets share: they are copied before anything else can run.
        const bytes = receivedBytes(count);
        for (const fd of fds) this.#parked.park(fd);
        this.#events?.onBytes(bytes);
        if (!filledBuffer(count) && fds.length === 0) return;
        if (!this.#readiness.active) return;
      } else if (count === 0) {
        for (const fd of fds) closeSync(fd);
        this.#ended = true;
        this.#readiness.stop();
        this.#events?.onEnd();
        return;
      } else {
        if (!isBusy(count)) this.destroy(systemError("recvmsg", count));
        return;
      }
    }
  }

  /** Sends what goes now. @returns what is left, undefined when the socket broke */
  #send(bytes: Uint8Array): Uint8Array | undefined {
    let at = 0;
    while (this.#outgoingFds.length > 0 && at < bytes.length) {
      const fd = this.#outgoingFds[0] as number;
      const answer = sendDescriptor(this.#readiness.fd, bytes[at] as number, fd);
      if (answer < 0) return this.#rest(bytes, at, answer);
      this.#outgoingFds.shift();
      closeSync(fd);
      at++;
    }
    while (at < bytes.length) {
      const answer = sendBytes(this.#readiness.fd, at === 0 ? bytes : bytes.subarray(at));
      if (answer < 0) return this.#rest(bytes, at, answer);
      at += answer;
    }
    this.#retryMs = firstRetryMs;
    return bytes.subarray(at);
  }

  #rest(bytes: Uint8Array, at: number, answer: number): Uint8Array | undefined {
    if (isBusy(answer)) return bytes.subarray(at);
    this.destroy(systemError("send", answer));
    return undefined;
  }

  /**
   * The kernel's buffer is full. libuv takes the head of the queue and tells when it has left; one byte stays behind for
   * each descriptor that still has to go. When there are no more bytes than descriptors only time can tell.
   */
  #hold(): void {
    this.#held = true;
    const head = this.#queue[0] as Uint8Array;
    const spare = this.#queuedBytes - this.#outgoingFds.length;
    const size = Math.min(head.length, spare);
    if (size <= 0) {
      setTimeout(() => this.#release(), this.#retryMs).unref();
      this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
      return;
    }
    if (size === head.length) this.#queue.shift();
    else this.#queue[0] = head.subarray(size);
    this.#queuedBytes -= size;
    this.#socket.write(size === head.length ? head : head.subarray(0, size), (error) => {
      if (!error) this.#release();
    });
  }

  #release(): void {
    if (this.#destroyed) return;
    this.#held = false;
    while (this.#queue.length > 0) {
      const head = this.#queue.shift() as Uint8Array;
      this.#queuedBytes -= head.length;
      const rest = this.#send(head);
      if (rest === undefined) return;
      if (rest.length > 0) {
        this.#queue.unshift(rest);
        this.#queuedBytes += rest.length;
        this.#hold();
        return;
      }
    }
    if (this.#ending) this.#socket.end();
    if (!this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.#events?.onDrain();
  }

  #onClosed(): void {
    if (!this.#destroyed) this.destroy();
    this.#events?.onClose(this.#error);
    this.#events = undefined;
  }
}

function openError(path: string, cause: unknown): CodedError {
  const errno = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (errno === "ENOENT" || errno === "ENOTDIR") {
    return new CodedError("NOT_FOUND", `cannot send the file ${path}: it does not exist`, { cause });
  }
  if (errno === "EACCES") {
    return new CodedError("PERMISSION_DENIED", `cannot send the file ${path}: this user may not reach it`, { cause });
  }
  if (errno === "EMFILE" || errno === "ENFILE") {
    return new CodedError("RESOURCE_EXHAUSTED", `cannot send the file ${path}: no descriptor is left`, { cause });
  }
  return new CodedError("INVALID_ARGUMENT", `cannot send the file ${path}`, { cause });
}

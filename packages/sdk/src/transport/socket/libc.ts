import { constants } from "node:os";
import koffi from "koffi";

// Linux numbers that are the same on x86-64 and arm64: asm-generic/socket.h, linux/socket.h, asm-generic/fcntl.h.
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_CTRUNC = 8;
const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;
const F_DUPFD_CLOEXEC = 1030;

/** grpcfd's receivers make room for as many descriptors at a time. */
const fdsPerReceive = 64;
const receiveBytes = 64 * 1024;

interface Libc {
  recvmsg(fd: number, message: Uint8Array, flags: number): number;
  sendmsg(fd: number, message: Uint8Array, flags: number): number;
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  fcntl(fd: number, command: number, type: "int", argument: number): number;
}

function load(): Libc {
  const library = koffi.load(null);
  return {
    // koffi knows no ssize_t.
    recvmsg: library.func("long recvmsg(int, void *, int)"),
    sendmsg: library.func("long sendmsg(int, void *, int)"),
    send: library.func("long send(int, void *, size_t, int)"),
    getsockopt: library.func("int getsockopt(int, int, int, void *, void *)"),
    setsockopt: library.func("int setsockopt(int, int, int, void *, uint32_t)"),
    fcntl: library.func("int fcntl(int, int, ...)"),
  };
}

let loaded: Libc | undefined;
const libc = (): Libc => {
  loaded ??= load();
  return loaded;
};

/** The kernel's answer: bytes, or a negative errno. */
const result = (value: number): number => (value >= 0 ? value : -koffi.errno());

/** True for an answer that says "later". ETOOMANYREFS: too many descriptors of this user are on their way, unix(7). */
export const isBusy = (answer: number): boolean =>
  answer === -constants.errno.EAGAIN || answer === -constants.errno.EINTR || answer === -109;

/** An Error with the `code` and `errno` of a negative answer, as Node's own have. */
export function systemError(call: string, answer: number): Error {
  const name = Object.entries(constants.errno).find(([, number]) => number === -answer)?.[0] ?? `errno ${-answer}`;
  return Object.assign(new Error(`${call}: ${name}`), { code: name, errno: answer, syscall: call });
}

/** struct msghdr on 64-bit Linux with its one iovec and control buffer, all in memory that does not move. */
class MessageHeader {
  readonly header: Uint8Array;
  readonly data: Uint8Array;
  readonly control: DataView;
  readonly #fields: DataView;

  constructor(dataBytes: number, controlBytes: number) {
    const headerBytes = 56;
    const iovecBytes = 16;
    const dataAt = headerBytes + iovecBytes + controlBytes;
    // Small typed arrays live in V8's moving heap; an ArrayBuffer of its own does not.
    const memory = new ArrayBuffer(dataAt + dataBytes);
    this.header = new Uint8Array(memory, 0, headerBytes);
    this.control = new DataView(memory, headerBytes + iovecBytes, controlBytes);
    this.data = new Uint8Array(memory, dataAt, dataBytes);
    this.#fields = new DataView(memory);
    const base = BigInt(koffi.address(new Uint8Array(memory)));
    this.#fields.setBigUint64(16, base + BigInt(headerBytes), true); // msg_iov
    this.#fields.setBigUint64(24, 1n, true); // msg_iovlen
    this.#fields.setBigUint64(32, base + BigInt(headerBytes + iovecBytes), true); // msg_control
    this.#fields.setBigUint64(headerBytes, base + BigInt(dataAt), true); // iov_base
    this.#fields.setBigUint64(headerBytes + 8, BigInt(dataBytes), true); // iov_len
    this.controlLength = controlBytes;
  }

  get controlLength(): number {
    return this.#fields.getUint32(40, true); // the low half of msg_controllen
  }

  set controlLength(bytes: number) {
    this.#fields.setUint32(40, bytes, true);
  }

  get flags(): number {
    return this.#fields.getInt32(48, true);
  }
}

const cmsgHeaderBytes = 16;
const cmsgAlign = (bytes: number): number => (bytes + 7) & ~7;

export interface Received {
  /** Bytes read, 0 at the end of the stream, or a negative errno. */
  readonly count: number;
  /** Descriptors that came with the bytes, close-on-exec, now ours to close. */
  readonly fds: readonly number[];
  /** More descriptors came than fitted; the kernel dropped them. */
  readonly truncated: boolean;
}

const noFds: readonly number[] = [];
let inbound: MessageHeader | undefined;

/** Reads once without waiting. The bytes are in `receivedBytes(count)` until the next call. */
export function receive(fd: number): Received {
  inbound ??= new MessageHeader(receiveBytes, cmsgAlign(cmsgHeaderBytes + 4 * fdsPerReceive));
  inbound.controlLength = inbound.control.byteLength;
  const count = result(libc().recvmsg(fd, inbound.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  if (count < 0 || inbound.controlLength === 0) return { count, fds: noFds, truncated: false };
  return {
    count,
    fds: parseRights(inbound.control, inbound.controlLength),
    truncated: (inbound.flags & MSG_CTRUNC) !== 0,
  };
}

/** A copy of the bytes of the last `receive`. */
export function receivedBytes(count: number): Uint8Array {
  return Buffer.from((inbound as MessageHeader).data.subarray(0, count));
}

/** True when the last `receive` may have left bytes behind. */
export const filledBuffer = (count: number): boolean => count === receiveBytes;

/** Walks a control buffer, cmsg(3). */
export function parseRights(control: DataView, length: number): readonly number[] {
  const fds: number[] = [];
  for (let at = 0; at + cmsgHeaderBytes <= length; ) {
    const size = Number(control.getBigUint64(at, true));
    if (size < cmsgHeaderBytes || at + size > length) break;
    if (control.getInt32(at + 8, true) === SOL_SOCKET && control.getInt32(at + 12, true) === SCM_RIGHTS) {
      for (let fd = at + cmsgHeaderBytes; fd + 4 <= at + size; fd += 4) fds.push(control.getInt32(fd, true));
    }
    at += cmsgAlign(size);
  }
  return fds;
}

let outbound: MessageHeader | undefined;

/** Sends one byte with one descriptor. @returns 1 or a negative errno */
export function sendDescriptor(socketFd: number, byte: number, fd: number): number {
  if (!outbound) {
    outbound = new MessageHeader(1, cmsgAlign(cmsgHeaderBytes + 4));
    outbound.control.setBigUint64(0, BigInt(cmsgHeaderBytes + 4), true);
    outbound.control.setInt32(8, SOL_SOCKET, true);
    outbound.control.setInt32(12, SCM_RIGHTS, true);
  }
  outbound.data[0] = byte;
  outbound.control.setInt32(cmsgHeaderBytes, fd, true);
  return result(libc().sendmsg(socketFd, outbound.header, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/** Sends what the socket takes without waiting. @returns bytes taken or a negative errno */
export function sendBytes(socketFd: number, bytes: Uint8Array): number {
  return result(libc().send(socketFd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/** Who is at the other end of a unix socket: as of its connect(2) or listen(2), unix(7). */
export function peerCredentials(socketFd: number): { pid: number; uid: number; gid: number } | undefined {
  const value = new DataView(new ArrayBuffer(12));
  const length = new Uint8Array(new Uint32Array([12]).buffer);
  if (libc().getsockopt(socketFd, SOL_SOCKET, SO_PEERCRED, new Uint8Array(value.buffer), length) !== 0)
    return undefined;
  return { pid: value.getInt32(0, true), uid: value.getUint32(4, true), gid: value.getUint32(8, true) };
}

/** A second descriptor of the same file, close-on-exec. @throws an Error with the errno */
export function duplicate(fd: number): number {
  const answer = result(libc().fcntl(fd, F_DUPFD_CLOEXEC, "int", 3));
  if (answer < 0) throw systemError("fcntl", answer);
  return answer;
}

/** tcp(7). What the kernel says to it is of no consequence: the connection works either way. */
export function setTcpUserTimeout(socketFd: number, timeoutMs: number): void {
  libc().setsockopt(socketFd, IPPROTO_TCP, TCP_USER_TIMEOUT, new Uint8Array(new Uint32Array([timeoutMs]).buffer), 4);
}

/**
 * The C library, for the system calls that Node does not offer. Only Linux with 64-bit little-endian words is meant:
 * structures are laid out by hand in `Uint8Array`s.
 */
import koffi from "koffi";

type Bytes = Uint8Array | null;

const libc = koffi.load(null);

const bind = <F extends (...args: never[]) => number>(definition: string): F => libc.func(definition) as unknown as F;

/** Each returns -1 on failure and leaves the reason in `errno()`. */
export const calls = {
  socket: bind<(family: number, type: number, protocol: number) => number>("int socket(int, int, int)"),
  bind: bind<(fd: number, address: Uint8Array, length: number) => number>("int bind(int, void*, uint)"),
  connect: bind<(fd: number, address: Uint8Array, length: number) => number>("int connect(int, void*, uint)"),
  listen: bind<(fd: number, backlog: number) => number>("int listen(int, int)"),
  setsockopt: bind<(fd: number, level: number, option: number, value: Uint8Array, length: number) => number>(
    "int setsockopt(int, int, int, void*, uint)",
  ),
  getsockopt: bind<(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array) => number>(
    "int getsockopt(int, int, int, void*, void*)",
  ),
  getsockname: bind<(fd: number, address: Uint8Array, length: Uint8Array) => number>(
    "int getsockname(int, void*, void*)",
  ),
  send: bind<(fd: number, bytes: Uint8Array, length: number, flags: number) => number>(
    "long send(int, void*, ulong, int)",
  ),
  recv: bind<(fd: number, bytes: Uint8Array, length: number, flags: number) => number>(
    "long recv(int, void*, ulong, int)",
  ),
  sendmsg: bind<(fd: number, message: Uint8Array, flags: number) => number>("long sendmsg(int, void*, int)"),
  recvmsg: bind<(fd: number, message: Uint8Array, flags: number) => number>("long recvmsg(int, void*, int)"),
  setns: bind<(fd: number, type: number) => number>("int setns(int, int)"),
  unshare: bind<(flags: number) => number>("int unshare(int)"),
  mount: bind<(source: string, target: string, type: string, flags: number, data: Bytes) => number>(
    "int mount(const char*, const char*, const char*, ulong, void*)",
  ),
  umount2: bind<(target: string, flags: number) => number>("int umount2(const char*, int)"),
  /** ioctl with a pointer; with a number use `ioctlValue`. */
  ioctl: bind<(fd: number, request: number, argument: Bytes) => number>("int ioctl(int, ulong, void*)"),
  dup: bind<(fd: number, command: number, least: number) => number>("int fcntl(int, int, int)"),
  epollCreate: bind<(flags: number) => number>("int epoll_create1(int)"),
  epollCtl: bind<(epoll: number, operation: number, fd: number, event: Uint8Array) => number>(
    "int epoll_ctl(int, int, int, void*)",
  ),
  epollWait: bind<(epoll: number, events: Uint8Array, most: number, timeoutMs: number) => number>(
    "int epoll_wait(int, void*, int, int)",
  ),
  socketpair: bind<(family: number, type: number, protocol: number, fds: Uint8Array) => number>(
    "int socketpair(int, int, int, void*)",
  ),
};

/** A second binding of the same symbol, because C passes the last argument of ioctl as it is. */
export const ioctlValue =
  bind<(fd: number, request: number, argument: number) => number>("int ioctl(int, ulong, long)");

const sendAsync = libc.func("long send(int, void*, ulong, int)");

/** `send` on a thread of libuv's pool. @returns bytes sent or minus errno */
export function sendOnPool(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    sendAsync.async(fd, bytes, bytes.length, 0, (error: unknown, result: number) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
}

/** The errno of the last call of this thread. */
export const errno = (): number => koffi.errno();

/** The address of a buffer for a structure that points to it; the caller keeps the buffer referenced. */
export const addressOf = (bytes: Uint8Array): bigint => koffi.address(bytes);

// asm-generic/socket.h, linux/socket.h, bits/socket_type.h, linux/netlink.h and friends.
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;
export const MSG_ERRQUEUE = 0x2000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_RCVBUF = 8;
export const SO_BINDTODEVICE = 25;
export const SO_RCVBUFFORCE = 33;
export const CLONE_NEWNET = 0x40000000;
export const F_DUPFD_CLOEXEC = 1030;
export const O_CLOEXEC = 0o2000000;

/** A 32-bit integer in memory. */
export const int32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);

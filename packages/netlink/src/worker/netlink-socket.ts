/** One NETLINK_ROUTE socket: sends messages of a job's buffer, sorts the answers by sequence number. */
import { closeSync } from "node:fs";
import { type Ack, decodeAck, decodeDone } from "../nl/ack.ts";
import {
  headerFlagsOffset,
  headerSequenceOffset,
  type Message,
  messagesOf,
  NLM_F_ACK,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  viewOf,
} from "../nl/message.ts";
import { EINTR, ENOBUFS, ENODEV, SystemCallError } from "../os/errno.ts";
import {
  AF_NETLINK,
  calls,
  errno,
  int32,
  MSG_DONTWAIT,
  MSG_TRUNC,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  sendOnPool,
} from "../os/libc.ts";

// linux/netlink.h
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

/** The kernel fills at most 32 KiB per datagram, more only for a single huge link (netlink_dump()). */
const receiveBytes = 256 * 1024;
const receiveBuffer = new Uint8Array(receiveBytes);

/** Room for the answers to one send; without CAP_NET_ADMIN in the first user namespace the system's limit applies. */
const socketBufferBytes = 1024 * 1024;

const one = int32(1);

// linux/sockios.h, struct ifreq of linux/if.h: name 16, then a union.
const SIOCGIFINDEX = 0x8933;
const ifreq = new Uint8Array(40);
const ifreqView = viewOf(ifreq);
const ifreqIndexOffset = 16;

export interface Answer {
  readonly ack: Ack;
  /** Payloads of the messages that came before the ack, as whole messages. */
  readonly data: Uint8Array[];
  readonly interrupted: boolean;
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What a job needs of a socket. */
export interface Exchange {
  /**
   * Sends adjoining messages in one system call. The kernel works on all of them, whatever becomes of the earlier
   * ones, and has queued every answer when the call returns. A dump must be the only message.
   * @returns one answer per message
   */
  exchange(bytes: Uint8Array, messages: readonly Range[]): Answer[];
  /** The index of a link of the socket's namespace. */
  indexOf(name: string): number | undefined;
}

export class NetlinkSocket implements Exchange {
  readonly #fd: number;
  #sequence = 0;

  /** Opens in the calling thread's present namespace. */
  constructor() {
    const fd = calls.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) throw new SystemCallError(errno(), "open a netlink socket");
    this.#fd = fd;
    // Absent before Linux 4.3, 4.12 and 4.20: errors are then terser and filters are ignored.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK])
      calls.setsockopt(fd, SOL_NETLINK, option, one, 4);
    const size = int32(socketBufferBytes);
    if (calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) < 0)
      calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, 4);
  }

  close(): void {
    closeSync(this.#fd);
  }

  exchange(bytes: Uint8Array, messages: readonly Range[]): Answer[] {
    const first = this.#number(bytes, messages);
    this.#send(bytes.subarray(messages[0]?.start, messages.at(-1)?.end));
    return this.#collect(first, messages.length);
  }

  /** Asks by ioctl, as if_nametoindex(3) does: ten times cheaper than a link message. */
  indexOf(name: string): number | undefined {
    ifreq.fill(0);
    ifreq.set(Buffer.from(name, "utf8"));
    if (calls.ioctl(this.#fd, SIOCGIFINDEX, ifreq) === 0) return ifreqView.getInt32(ifreqIndexOffset, true);
    const reason = errno();
    if (reason === ENODEV) return undefined;
    throw new SystemCallError(reason, `look up link "${name}"`);
  }

  /** As `exchange`, with the sending on libuv's pool, for requests on which the kernel spends milliseconds. */
  async exchangeSlowly(bytes: Uint8Array, messages: readonly Range[]): Promise<Answer[]> {
    const first = this.#number(bytes, messages);
    const sent = await sendOnPool(this.#fd, bytes.subarray(messages[0]?.start, messages.at(-1)?.end));
    if (sent < 0) throw new SystemCallError(ENOBUFS, "send a netlink request");
    return this.#collect(first, messages.length);
  }

  /** Gives each message its sequence number and asks for an ack of the last: errors come unasked. */
  #number(bytes: Uint8Array, messages: readonly Range[]): number {
    const view = viewOf(bytes);
    const first = (this.#sequence + 1) >>> 0;
    for (const { start } of messages) {
      this.#sequence = (this.#sequence + 1) >>> 0;
      view.setUint32(start + headerSequenceOffset, this.#sequence, true);
    }
    const last = messages.at(-1);
    if (last) {
      const flags = view.getUint16(last.start + headerFlagsOffset, true);
      view.setUint16(last.start + headerFlagsOffset, flags | NLM_F_ACK, true);
    }
    return first;
  }

  #send(bytes: Uint8Array): void {
    while (calls.send(this.#fd, bytes, bytes.length, 0) < 0) {
      const reason = errno();
      if (reason !== EINTR) throw new SystemCallError(reason, "send a netlink request");
    }
  }

  #collect(first: number, count: number): Answer[] {
    const answers = Array.from({ length: count }, () => ({
      ack: { errno: 0 } as Ack,
      data: [] as Uint8Array[],
      interrupted: false,
    }));
    for (;;) {
      const length = this.#receive();
      const view = new DataView(receiveBuffer.buffer, 0, length);
      // Messages of one datagram belong to one request; data is kept as it came, for the caller to decode.
      let dataStart = -1;
      let dataEnd = -1;
      let answer: (typeof answers)[number] | undefined;
      let finished = false;
      for (const message of messagesOf(view)) {
        const index = (message.sequence - first) >>> 0;
        const target = answers[index];
        // Left over from an earlier exchange that ended in an error.
        if (!target || message.type === NLMSG_NOOP) continue;
        answer = target;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) target.interrupted = true;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          target.ack = message.type === NLMSG_ERROR ? decodeAck(view, message) : decodeDone(view, message);
          if (index === count - 1) finished = true;
        } else {
          if (dataStart < 0) dataStart = headerOf(message);
          dataEnd = message.end;
        }
      }
      if (answer && dataStart >= 0) answer.data.push(receiveBuffer.slice(dataStart, dataEnd));
      if (finished) return answers;
    }
  }

  /** Everything that belongs to a request is queued before its `send` returns, and a dump goes on as it is read. */
  #receive(): number {
    for (;;) {
      const length = calls.recv(this.#fd, receiveBuffer, receiveBytes, MSG_DONTWAIT | MSG_TRUNC);
      if (length > receiveBytes) throw new SystemCallError(ENOBUFS, `read a netlink answer of ${length} bytes`);
      if (length >= 0) return length;
      const reason = errno();
      if (reason !== EINTR) throw new SystemCallError(reason, "read a netlink answer");
    }
  }
}

const headerOf = (message: Message): number => message.start - 16;

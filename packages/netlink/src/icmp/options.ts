/** Socket options and control messages of ICMP sockets (linux/in.h, linux/in6.h, linux/icmp.h, linux/errqueue.h). */
import { type Family, parseIp } from "../names/ip.ts";
import { AF_INET, AF_INET6, int32, SO_RCVBUF, SO_RCVBUFFORCE, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET } from "../os/libc.ts";
import type { ControlMessage } from "../os/message-header.ts";
import type { SocketOption, SocketSpec } from "../worker/protocol.ts";

const IPPROTO_IP = 0;
const IPPROTO_ICMP = 1;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const SOL_RAW = 255;

const IP_PKTINFO = 8;
const IP_RECVERR = 11;
const IPV6_RECVERR = 25;
const IPV6_PKTINFO = 50;

/** ICMP_FILTER: a set bit blocks that type. ICMP6_FILTER likewise, in eight words. */
const ICMP_FILTER = 1;
const ICMP6_FILTER = 1;
const allButEchoReply4 = Uint32Array.of(~(1 << 0) >>> 0);
const allButEchoReply6 = new Uint32Array(8).fill(0xffffffff).with(129 >> 5, ~(1 << (129 & 31)) >>> 0);

/** Replies to some thousand probes, should this thread be busy when they come; without privilege the system's limit. */
const receiveBuffer: readonly SocketOption[] = [SO_RCVBUF, SO_RCVBUFFORCE].map((name) => ({
  level: SOL_SOCKET,
  name,
  value: int32(4 * 1024 * 1024),
  optional: true,
}));

const asBytes = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer.slice(0));

/** @param raw needs CAP_NET_RAW; a datagram socket needs the group in net.ipv4.ping_group_range */
export function echoSocketSpec(family: Family, raw: boolean): SocketSpec {
  const filter: SocketOption =
    family === 4
      ? { level: SOL_RAW, name: ICMP_FILTER, value: asBytes(allButEchoReply4) }
      : { level: IPPROTO_ICMPV6, name: ICMP6_FILTER, value: asBytes(allButEchoReply6) };
  const errors: SocketOption =
    family === 4
      ? { level: IPPROTO_IP, name: IP_RECVERR, value: int32(1) }
      : { level: IPPROTO_IPV6, name: IPV6_RECVERR, value: int32(1) };
  return {
    family: family === 4 ? AF_INET : AF_INET6,
    type: raw ? SOCK_RAW : SOCK_DGRAM,
    protocol: family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
    options: raw ? [...receiveBuffer, errors, filter] : [...receiveBuffer, errors],
    doing: `open an ICMP ${raw ? "raw" : "datagram"} socket`,
  };
}

/** Source address and interface of one packet: struct in_pktinfo or in6_pktinfo. */
export function packetInfo(family: Family, source: string | undefined, link: number): ControlMessage[] {
  if (source === undefined && link === 0) return [];
  const address = source === undefined ? undefined : parseIp(source, "source").bytes;
  if (family === 4) {
    const data = new Uint8Array(12);
    new DataView(data.buffer).setInt32(0, link, true);
    if (address) data.set(address, 4);
    return [{ level: IPPROTO_IP, type: IP_PKTINFO, data }];
  }
  const data = new Uint8Array(20);
  if (address) data.set(address);
  new DataView(data.buffer).setInt32(16, link, true);
  return [{ level: IPPROTO_IPV6, type: IPV6_PKTINFO, data }];
}

/** ee_errno, the first field of struct sock_extended_err. */
export function errorOfControl(family: Family, messages: readonly ControlMessage[]): number | undefined {
  const [level, type] = family === 4 ? [IPPROTO_IP, IP_RECVERR] : [IPPROTO_IPV6, IPV6_RECVERR];
  const found = messages.find((message) => message.level === level && message.type === type);
  if (!found || found.data.length < 4) return undefined;
  return new DataView(found.data.buffer, found.data.byteOffset).getUint32(0, true);
}

import { closeSync } from "node:fs";
import { isCodedError } from "@nsmkit/core";
import type { MonitorAction, MonitorOptions } from "../api/monitor.ts";
import type { EventQueue, EventSource } from "../event-queue.ts";
import { checkInteger, invalid } from "../names/invalid.ts";
import { actionOf, decodeEvent, groupNumbers } from "../nl/event.ts";
import { messagesOf } from "../nl/message.ts";
import { EINTR, ENOBUFS } from "../os/errno.ts";
import {
  AF_NETLINK,
  calls,
  errno,
  int32,
  MSG_DONTWAIT,
  MSG_TRUNC,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_RAW,
  SOL_SOCKET,
} from "../os/libc.ts";
import type { Poller } from "../os/poller.ts";
import { netlinkAddress } from "../os/sockaddr.ts";
import type { SocketSpec } from "../worker/protocol.ts";

// linux/netlink.h
const NETLINK_ROUTE = 0;

const defaultReceiveBytes = 8 * 1024 * 1024;

/** Datagrams read before other events get their turn; the poller calls again if there are more. */
const datagramsPerTurn = 128;

const buffer = new Uint8Array(64 * 1024);

/** @throws CodedError INVALID_ARGUMENT */
export function monitorSpec({ groups, receiveBufferBytes }: MonitorOptions): SocketSpec {
  if (groups.length === 0)
    throw invalid("groups", "[]", "is empty", `name some of ${Object.keys(groupNumbers).join(", ")}`);
  const numbers = groups.flatMap((group) => {
    if (!Object.hasOwn(groupNumbers, group))
      throw invalid("groups", group, "is no group", `use ${Object.keys(groupNumbers).join(", ")}`);
    return groupNumbers[group];
  });
  const size = int32(checkInteger(receiveBufferBytes ?? defaultReceiveBytes, "receiveBufferBytes", 1, 2 ** 30));
  return {
    family: AF_NETLINK,
    type: SOCK_RAW,
    protocol: NETLINK_ROUTE,
    options: [
      { level: SOL_SOCKET, name: SO_RCVBUF, value: size, optional: true },
      { level: SOL_SOCKET, name: SO_RCVBUFFORCE, value: size, optional: true },
    ],
    bind: netlinkAddress(numbers),
    doing: `monitor ${groups.join(", ")}`,
  };
}

/** Feeds a queue from a subscribed socket, which it owns from now on. */
export function feedEvents(
  fd: number,
  poller: Poller,
  queue: EventQueue,
  actions: readonly MonitorAction[] = ["new", "delete"],
): EventSource {
  const watch = poller.watch(fd, () => readEvents(fd, queue, actions));
  return {
    ref: watch.ref,
    unref: watch.unref,
    close: () => {
      watch.stop();
      closeSync(fd);
    },
  };
}

function readEvents(fd: number, queue: EventQueue, actions: readonly MonitorAction[]): void {
  for (let count = 0; count < datagramsPerTurn; count++) {
    const length = calls.recv(fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC);
    if (length < 0) {
      const reason = errno();
      if (reason === EINTR) continue;
      // The kernel ran out of room for us and dropped events.
      if (reason !== ENOBUFS) return;
      queue.push({ type: "overrun" });
    } else if (length > buffer.length) {
      queue.push({ type: "overrun" });
    } else {
      decodeInto(queue, new DataView(buffer.buffer, 0, length), actions);
    }
  }
}

function decodeInto(queue: EventQueue, view: DataView, actions: readonly MonitorAction[]): void {
  try {
    for (const message of messagesOf(view)) {
      const action = actionOf(message.type);
      if (action && !actions.includes(action)) continue;
      const event = decodeEvent(view, message);
      if (event) queue.push(event);
    }
  } catch (error) {
    if (!isCodedError(error, "PROTOCOL")) throw error;
    // What we cannot read is a change that we do not know.
    queue.push({ type: "overrun" });
  }
}

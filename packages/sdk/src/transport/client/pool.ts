import { closeSync, openSync } from "node:fs";
import { type Clock, type Closable, CodedError, closeAll, messageOf, systemClock, type Timer } from "@nsmkit/core";
import type { Channel, Dial, DialOptions } from "../api.ts";
import { inodeUrlOfFd } from "../inode.ts";
import { dial as ownDial } from "./channel.ts";

/** A share in a channel. Release it once, when what uses it is over. */
export interface ChannelLease {
  readonly channel: Channel;
  release(): void;
}

/** One channel per server, however many connections run over it. */
export interface ChannelPool extends Closable {
  /**
   * A share in the channel to `url`, which is opened if there is none.
   * @throws INVALID_ARGUMENT for a URL that is none; NOT_FOUND for a `/proc` path that is closed; CLOSED
   */
  acquire(url: string): ChannelLease;
  /** Channels that are open, used or not. */
  readonly size: number;
}

export interface ChannelPoolOptions extends DialOptions {
  readonly dial?: Dial;
  /** How long a channel without users stays open, ms; default 10,000. */
  readonly idleMs?: number;
  readonly clock?: Clock;
}

interface Entry {
  readonly channel: Channel;
  readonly place: Place;
  users: number;
  idle: Timer | undefined;
}

/** Upstream re-dials on every Request; here all connections to a server share one channel, and so one TLS handshake. */
export function channelPool(options: ChannelPoolOptions): ChannelPool {
  const { dial = ownDial, idleMs = 10_000, clock = systemClock, logger } = options;
  const entries = new Map<string, Entry>();
  let closed = false;

  const end = async (entry: Entry): Promise<void> => {
    entry.idle?.cancel();
    try {
      await entry.channel.close();
    } finally {
      entry.place.close();
    }
  };

  const enter = (url: string): Entry => {
    const place = placeOf(url);
    const known = entries.get(place.key);
    if (known) {
      place.close();
      return known;
    }
    try {
      const entry: Entry = { channel: dial(place.target, options), place, users: 0, idle: undefined };
      entries.set(place.key, entry);
      return entry;
    } catch (error) {
      place.close();
      throw error;
    }
  };

  const release = (entry: Entry): void => {
    entry.users--;
    if (entry.users > 0 || closed) return;
    entry.idle = clock.after(idleMs, () => {
      entries.delete(entry.place.key);
      end(entry).catch((error: unknown) => {
        logger?.warn("could not close an idle channel", { target: entry.channel.target, reason: messageOf(error) });
      });
    });
  };

  const close = async (): Promise<void> => {
    closed = true;
    const open = [...entries.values()];
    entries.clear();
    await closeAll(open.map((entry) => ({ close: () => end(entry) })));
  };

  return {
    acquire(url) {
      if (closed) throw new CodedError("CLOSED", "the channel pool was closed");
      const entry = enter(url);
      entry.idle?.cancel();
      entry.idle = undefined;
      entry.users++;
      let released = false;
      return {
        channel: entry.channel,
        release: () => {
          if (!released) release(entry);
          released = true;
        },
      };
    },
    get size() {
      return entries.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Where a URL leads, as long as `close` was not called. */
interface Place {
  /** Equal for URLs that lead to the same server. */
  readonly key: string;
  readonly target: string;
  close(): void;
}

/** A socket file that came as a descriptor: the number is new with every request, and soon means another file. */
const passedFile = /^unix:\/\/(\/proc\/(?:self|thread-self|\d+)\/fd\/\d+)$/;
/** linux/fcntl.h */
const O_PATH = 0o10000000;

function placeOf(url: string): Place {
  const path = passedFile.exec(url)?.[1];
  // Any other path is looked up at each attempt: a server that restarts puts a new file in its place.
  if (path === undefined) return { key: url, target: url, close() {} };
  let fd: number;
  try {
    fd = openSync(path, O_PATH);
  } catch (cause) {
    throw new CodedError("NOT_FOUND", `there is no socket behind ${url} any more`, { cause });
  }
  // A descriptor of our own keeps the socket file reachable for later attempts.
  return { key: inodeUrlOfFd(fd), target: `unix:///proc/${process.pid}/fd/${fd}`, close: () => closeSync(fd) };
}

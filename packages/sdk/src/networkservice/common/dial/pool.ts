import { type Clock, type Closable, CodedError, closeAll, messageOf, systemClock, type Timer } from "@nsmkit/core";
import type { Channel, Dial, DialOptions } from "../../../transport/api.ts";

/** A share in a channel. Release it once, when the connection that uses it is over. */
export interface ChannelLease {
  readonly channel: Channel;
  release(): void;
}

/** One channel per server, however many connections run over it. */
export interface ChannelPool extends Closable {
  acquire(url: string): ChannelLease;
  /** Channels that are open, used or not. */
  readonly size: number;
}

interface Entry {
  readonly channel: Channel;
  users: number;
  idle: Timer | undefined;
}

/** @param options.idleMs how long a channel without users stays open, ms; default 10,000 */
export function channelPool(
  options: DialOptions & { readonly dial: Dial; readonly idleMs?: number; readonly clock?: Clock },
): ChannelPool {
  const { dial, idleMs = 10_000, clock = systemClock, logger } = options;
  const entries = new Map<string, Entry>();
  let closed = false;

  const release = (url: string, entry: Entry): void => {
    entry.users--;
    if (entry.users > 0 || closed) return;
    entry.idle = clock.after(idleMs, () => {
      entries.delete(url);
      entry.channel.close().catch((error: unknown) => {
        logger?.warn("could not close an idle channel", { target: url, reason: messageOf(error) });
      });
    });
  };

  const close = async (): Promise<void> => {
    closed = true;
    const open = [...entries.values()];
    entries.clear();
    for (const entry of open) entry.idle?.cancel();
    await closeAll(open.map((entry) => entry.channel));
  };

  return {
    acquire(url) {
      if (closed) throw new CodedError("CLOSED", "the channel pool was closed");
      const entry = entries.get(url) ?? { channel: dial(url, options), users: 0, idle: undefined };
      entries.set(url, entry);
      entry.idle?.cancel();
      entry.idle = undefined;
      entry.users++;
      let released = false;
      return {
        channel: entry.channel,
        release: () => {
          if (!released) release(url, entry);
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

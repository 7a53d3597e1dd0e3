import { create } from "@bufbuild/protobuf";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionEventType,
  MonitorConnection,
  MonitorScopeSelectorSchema,
} from "@nsmkit/api/networkservice";
import { type Clock, CodedError, isCodedError, type Logger, messageOf, type Timer } from "@nsmkit/core";
import type { Channel } from "../../../transport/api.ts";

/** What one connection hears: an event of its own, or that the stream broke. */
export interface StreamListener {
  heard(type: ConnectionEventType, connection: Connection): void;
  lost(error: unknown): void;
}

/** How long a stream stays open without connections, ms. */
const lingerMs = 1_000;

/**
 * One stream of events per next hop, shared by all connections that run over it. The selector asks for every
 * connection with a path segment of our name; an event is dealt out by the id of our segment.
 * Upstream opens one stream per connection; a peer cannot tell the difference but for their number.
 */
export class MonitorStreams {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #streams = new Map<Channel, SharedStream>();

  /** @param options.name of our path segment */
  constructor(options: { readonly name: string; readonly clock: Clock; readonly logger: Logger }) {
    this.#name = options.name;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Listens for the connection whose path has our segment under this id, until disposed or lost. */
  listen(channel: Channel, segmentId: string, listener: StreamListener): Disposable {
    const stream = this.#streams.get(channel) ?? this.#open(channel);
    stream.idle?.cancel();
    stream.idle = undefined;
    stream.listeners.set(segmentId, listener);
    return {
      [Symbol.dispose]: () => {
        if (stream.listeners.get(segmentId) !== listener) return;
        stream.listeners.delete(segmentId);
        if (stream.listeners.size > 0 || stream.over) return;
        stream.idle = this.#clock.after(lingerMs, () => stream.controller.abort());
      },
    };
  }

  stop(): void {
    for (const stream of this.#streams.values()) {
      stream.idle?.cancel();
      stream.controller.abort();
    }
  }

  #open(channel: Channel): SharedStream {
    const stream = new SharedStream();
    this.#streams.set(channel, stream);
    void this.#run(channel, stream);
    return stream;
  }

  async #run(channel: Channel, stream: SharedStream): Promise<void> {
    const selector = create(MonitorScopeSelectorSchema, { pathSegments: [{ name: this.#name }] });
    const { signal } = stream.controller;
    let end: unknown = new CodedError("UNAVAILABLE", `${channel.target} ended the stream of events`);
    try {
      const method = MonitorConnection.method.monitorConnections;
      for await (const event of channel.serverStream(method, selector, { signal })) stream.deal(event);
    } catch (error) {
      end = error;
    }
    stream.over = true;
    stream.idle?.cancel();
    this.#streams.delete(channel);
    if (signal.aborted) return;
    if (isCodedError(end, "UNSUPPORTED")) {
      this.#logger.warn("next hop does not report events; its failures show at the next refresh", {
        target: channel.target,
      });
      return;
    }
    this.#logger.info("lost the events of a next hop", {
      target: channel.target,
      connections: stream.listeners.size,
      reason: messageOf(end),
    });
    for (const listener of [...stream.listeners.values()]) listener.lost(end);
  }
}

class SharedStream {
  readonly controller = new AbortController();
  readonly listeners = new Map<string, StreamListener>();
  idle: Timer | undefined;
  over = false;

  /** The sender's index is that of our segment or of the one after it. */
  deal(event: ConnectionEvent): void {
    for (const connection of Object.values(event.connections)) {
      const { index = 0, pathSegments = [] } = connection.path ?? {};
      for (const at of [index, index - 1]) {
        const id = pathSegments[at]?.id;
        const listener = id === undefined ? undefined : this.listeners.get(id);
        if (!listener) continue;
        listener.heard(event.type, connection);
        break;
      }
    }
  }
}

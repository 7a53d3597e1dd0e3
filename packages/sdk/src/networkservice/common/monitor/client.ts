import { create, equals } from "@bufbuild/protobuf";
import { type Connection, ConnectionEventType, ConnectionSchema, PathSchema, State } from "@nsmkit/api/networkservice";
import { begun } from "../../../chain/begin.ts";
import type { Begun } from "../../../chain/begun.ts";
import { key } from "../../../chain/key.ts";
import type { Channel } from "../../../transport/api.ts";
import { cloneConnection, connectionOf, pathOf } from "../../core/connection.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { nextHop } from "../dial/nexthop.ts";
import { tellListeners } from "./downstream.ts";
import type { MonitorStreams } from "./streams.ts";

const watchKey = key<Watch>("monitor", (watch) => watch.stop());

/**
 * Hears of the connection from the next hop, and tells the elements above that listen (`listenDownstream`).
 * Silent while a request of the connection is under way: its reply says more.
 */
export function monitorClient(streams: MonitorStreams): NetworkServiceElement {
  return {
    name: "monitor",
    role: "client",
    requires: ["begin", "dial"],
    async request(ctx, request, next) {
      const connection = begun<NetworkServiceKind>(ctx);
      const { channel } = ctx.require(nextHop);
      const { id } = connectionOf(request);
      const old = connection.store.take(watchKey);
      const watch = old?.channel === channel && !old.over ? old : new Watch(channel, connection);
      if (watch !== old) {
        old?.stop();
        watch.start(streams, id);
      }
      watch.hold();
      connection.store.set(watchKey, watch);
      try {
        const reply = await next.request(ctx, request);
        watch.resume(cloneConnection(reply));
        return reply;
      } catch (error) {
        watch.resume(undefined);
        throw error;
      }
    },
    async close(ctx, connection, next) {
      begun(ctx).store.take(watchKey)?.stop();
      return next.close(ctx, connection);
    },
    stop: async () => streams.stop(),
  };
}

/** One connection's share in a stream. */
class Watch {
  readonly channel: Channel;
  readonly #connection: Begun<NetworkServiceKind>;
  #share: Disposable | undefined;
  /** As the listeners know it. */
  #known: Connection | undefined;
  #held = false;
  /** Bad news that came while a request was under way, and is still the last word. */
  #missed: (() => void) | undefined;
  over = false;

  constructor(channel: Channel, connection: Begun<NetworkServiceKind>) {
    this.channel = channel;
    this.#connection = connection;
  }

  start(streams: MonitorStreams, segmentId: string): void {
    this.#share = streams.listen(this.channel, segmentId, {
      heard: (type, connection) => this.#pass(isBad(type, connection), () => this.#heard(type, connection)),
      lost: (error) => {
        this.over = true;
        this.#pass(true, () => this.#tell(State.DOWN, {}, error));
      },
    });
  }

  stop(): void {
    this.over = true;
    this.#share?.[Symbol.dispose]();
  }

  hold(): void {
    this.#held = true;
    this.#missed = undefined;
  }

  /** @param reply undefined if the request failed */
  resume(reply: Connection | undefined): void {
    this.#held = false;
    this.#known = reply ?? this.#known;
    const missed = this.#missed;
    this.#missed = undefined;
    // After the reply has gone up the chain, so that listeners find the connection established.
    if (missed) setImmediate(() => !this.#held && missed());
  }

  /** While a request is under way only bad news is worth keeping, and only if no good news follows it. */
  #pass(bad: boolean, tell: () => void): void {
    if (this.#held) this.#missed = bad ? tell : undefined;
    else tell();
  }

  #heard(type: ConnectionEventType, theirs: Connection): void {
    if (type === ConnectionEventType.INITIAL_STATE_TRANSFER && theirs.state === this.#known?.state) return;
    const state = type === ConnectionEventType.DELETE ? State.DOWN : theirs.state;
    this.#tell(state, { path: theirs.path, context: theirs.context });
  }

  #tell(state: State, theirs: Pick<Connection, "path" | "context">, lost?: unknown): void {
    const known = this.#known;
    if (!known || !this.#connection.established) return;
    const connection = cloneConnection(known);
    if (theirs.path) connection.path = create(PathSchema, { ...theirs.path, index: pathOf(known).index });
    if (theirs.context) connection.context = theirs.context;
    connection.state = state;
    if (lost === undefined && equals(ConnectionSchema, connection, known)) return;
    this.#known = connection;
    tellListeners(this.#connection.store, {
      connection: cloneConnection(connection),
      ...(lost !== undefined && { lost }),
    });
  }
}

const isBad = (type: ConnectionEventType, connection: Connection): boolean =>
  type === ConnectionEventType.DELETE || connection.state === State.DOWN;

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Connection,
  ConnectionSchema,
  type NetworkServiceRequest,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import type { Clock, Logger } from "@nsmkit/core";
import { Context } from "../chain/context.ts";
import { cloneConnection, connectionOf } from "../networkservice/core/connection.ts";
import type { NetworkServiceHandler } from "../networkservice/core/kind.ts";
import type { Peer, ServerCall } from "../transport/api.ts";

export const requestOf = (
  connection: MessageInitShape<typeof ConnectionSchema>,
  mechanismPreferences: MessageInitShape<typeof NetworkServiceRequestSchema>["mechanismPreferences"] = [],
): NetworkServiceRequest => create(NetworkServiceRequestSchema, { connection, mechanismPreferences });

export const connectionWith = (init: MessageInitShape<typeof ConnectionSchema>): Connection =>
  create(ConnectionSchema, init);

/** An RPC as a server sees it. */
export function fakeCall(
  options: {
    readonly peer?: Partial<Peer>;
    readonly metadata?: Readonly<Record<string, readonly string[]>>;
    readonly signal?: AbortSignal;
  } = {},
): ServerCall {
  return {
    signal: options.signal ?? new AbortController().signal,
    metadata: new Map(Object.entries(options.metadata ?? {})),
    peer: { transport: "unix", address: "unix:///fake.sock", ...options.peer },
    setHeader: () => {},
  };
}

export function testContext(
  options: {
    readonly clock?: Clock;
    readonly logger?: Logger;
    readonly call?: ServerCall;
    readonly signal?: AbortSignal;
    readonly deadlineMs?: number;
  } = {},
): Context {
  return new Context({ signal: new AbortController().signal, ...options });
}

/** The bottom of a chain that remembers what reached it. The reply is the request's connection unless told otherwise. */
export class RecordingEnd implements NetworkServiceHandler {
  readonly requests: NetworkServiceRequest[] = [];
  readonly contexts: Context[] = [];
  readonly closes: Connection[] = [];
  /** Makes the reply, or throws. */
  reply: (connection: Connection, ctx: Context) => Connection | Promise<Connection>;
  /** What a close throws. */
  closeError: Error | undefined;

  constructor(reply: RecordingEnd["reply"] = (connection) => connection) {
    this.reply = reply;
  }

  request: NetworkServiceHandler["request"] = async (ctx, request) => {
    this.contexts.push(ctx);
    this.requests.push(create(NetworkServiceRequestSchema, structuredClone(request)));
    return await this.reply(connectionOf(request), ctx);
  };

  close: NetworkServiceHandler["close"] = async (_ctx, connection) => {
    this.closes.push(cloneConnection(connection));
    if (this.closeError) throw this.closeError;
  };

  find: NetworkServiceHandler["find"] = async function* () {};
}

import { NetworkServiceEndpointRegistry, NetworkServiceRegistry } from "@nsmkit/api/registry";
import { messageOf } from "@nsmkit/core";
import { bounded, type Context, type Element, type Handler } from "../../../chain/index.ts";
import { writeToken } from "../../../networkservice/common/updatetoken/metadata.ts";
import type { CallOptions, Channel, Identity, Metadata } from "../../../transport/api.ts";
import type { NseHandler, NsHandler, RegistryKind } from "../../core/kinds.ts";
import { emptyPath, formatPath, parsePath, pathHeader, pathKey } from "../updatepath/path.ts";
import { serverKey } from "./server-key.ts";

/** Connects before the elements below need to know the peer. @param dialTimeoutMs bound of one attempt, ms */
export function dialClient<K extends RegistryKind>(channel: Channel, dialTimeoutMs: number): Element<K> {
  const link = async (ctx: Context): Promise<Context> => {
    using time = bounded(ctx.clock, dialTimeoutMs, `connecting to the registry at ${channel.target}`, [ctx.signal]);
    return ctx.with(serverKey, { channel, peer: await channel.ready({ signal: time.signal }) });
  };
  return {
    name: "dial",
    role: "client",
    request: async (ctx, entry, next) => next.request(await link(ctx), entry),
    close: async (ctx, entry, next) => next.close(await link(ctx), entry),
    async *find(ctx, query, next) {
      yield* next.find(await link(ctx), query);
    },
  };
}

async function tokenOf(ctx: Context, identity: Pick<Identity, "token">): Promise<Map<string, readonly string[]>> {
  return new Map(writeToken(await identity.token(ctx.require(serverKey).peer)));
}

function callOptions(ctx: Context, metadata: Metadata): CallOptions {
  const timeoutMs = ctx.deadlineMs === undefined ? undefined : Math.max(1, ctx.deadlineMs - ctx.clock.now());
  return { signal: ctx.signal, metadata, ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** One Register or Unregister with the path in its metadata, and the path of the answer back in the context. */
async function call<T>(
  ctx: Context,
  identity: Pick<Identity, "token">,
  send: (options: CallOptions) => Promise<{ message: T; header: Metadata }>,
): Promise<T> {
  const path = ctx.get(pathKey) ?? emptyPath();
  const metadata = await tokenOf(ctx, identity);
  metadata.set(pathHeader, [formatPath(path)]);
  const { message, header } = await send(callOptions(ctx, metadata));
  const answered = header.get(pathHeader)?.at(-1);
  if (answered !== undefined) {
    try {
      Object.assign(path, parsePath(answered));
    } catch (error) {
      ctx.logger.warn("the registry answered with a broken path", { reason: messageOf(error) });
    }
  }
  return message;
}

/** The bottom of a chain of network services: the registry that `dial` connected to. */
export function connectServices(identity: Pick<Identity, "token">): NsHandler {
  const { register, unregister, find } = NetworkServiceRegistry.method;
  return handler(
    (ctx, entry) => call(ctx, identity, (options) => ctx.require(serverKey).channel.unary(register, entry, options)),
    (ctx, entry) => call(ctx, identity, (options) => ctx.require(serverKey).channel.unary(unregister, entry, options)),
    async function* (ctx, query) {
      const options = callOptions(ctx, await tokenOf(ctx, identity));
      yield* ctx.require(serverKey).channel.serverStream(find, query, options);
    },
  );
}

/** The bottom of a chain of endpoints. */
export function connectEndpoints(identity: Pick<Identity, "token">): NseHandler {
  const { register, unregister, find } = NetworkServiceEndpointRegistry.method;
  return handler(
    (ctx, entry) => call(ctx, identity, (options) => ctx.require(serverKey).channel.unary(register, entry, options)),
    (ctx, entry) => call(ctx, identity, (options) => ctx.require(serverKey).channel.unary(unregister, entry, options)),
    async function* (ctx, query) {
      const options = callOptions(ctx, await tokenOf(ctx, identity));
      yield* ctx.require(serverKey).channel.serverStream(find, query, options);
    },
  );
}

function handler<K extends RegistryKind>(
  request: Handler<K>["request"],
  close: (ctx: Context, entry: K["closing"]) => Promise<unknown>,
  find: Handler<K>["find"],
): Handler<K> {
  return { request, find, close: async (ctx, entry) => void (await close(ctx, entry)) };
}

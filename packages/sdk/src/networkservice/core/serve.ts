import { type Connection, NetworkService, type NetworkServiceRequest } from "@nsmkit/api/networkservice";
import { bounded } from "../../chain/bounded.ts";
import type { Context } from "../../chain/context.ts";
import { answerable, contextOf, type ServeOptions } from "../../chain/serve.ts";
import type { ServiceBinding, ServiceHandlers } from "../../transport/api.ts";
import { connectionOf } from "./connection.ts";
import type { NetworkServiceHandler } from "./kind.ts";

/** For callers that set no deadline, ms: whatever goes wrong further down, their call ends. */
const longestCallMs = 60_000;

/** Puts a chain behind `/networkservice.NetworkService/`. */
export function networkServiceBinding(handler: NetworkServiceHandler, options: ServeOptions = {}): ServiceBinding {
  const request = async (ctx: Context, message: NetworkServiceRequest): Promise<Connection> => {
    if (ctx.deadlineMs !== undefined) return handler.request(ctx, message);
    using time = bounded(ctx.clock, longestCallMs, "the request", [ctx.signal]);
    return await handler.request(ctx.withSignal(time.signal, time.deadlineMs), message);
  };
  const handlers: ServiceHandlers<typeof NetworkService> = {
    request: async (message, call) => {
      try {
        return await request(contextOf(call, options), message);
      } catch (error) {
        throw answerable(error);
      }
    },
    close: async (connection, call) => {
      try {
        await handler.close(contextOf(call, options), connection);
        return {};
      } catch (error) {
        throw answerable(error);
      }
    },
  };
  return { service: NetworkService, handlers };
}

/** The bottom of a chain that ends here: an endpoint's. The request's connection is the reply. */
export const endHere: NetworkServiceHandler = {
  request: async (_ctx, request) => connectionOf(request),
  close: async () => {},
  find: async function* () {},
};

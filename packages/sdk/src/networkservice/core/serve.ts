import { NetworkService } from "@nsmkit/api/networkservice";
import { answerable, contextOf, type ServeOptions } from "../../chain/serve.ts";
import type { ServiceBinding, ServiceHandlers } from "../../transport/api.ts";
import { connectionOf } from "./connection.ts";
import type { NetworkServiceHandler } from "./kind.ts";

/** Puts a chain behind `/networkservice.NetworkService/`. */
export function networkServiceBinding(handler: NetworkServiceHandler, options: ServeOptions = {}): ServiceBinding {
  const handlers: ServiceHandlers<typeof NetworkService> = {
    request: async (request, call) => {
      try {
        return await handler.request(contextOf(call, options), request);
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

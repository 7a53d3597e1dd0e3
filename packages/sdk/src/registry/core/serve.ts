import { NetworkServiceEndpointRegistry, NetworkServiceRegistry } from "@nsmkit/api/registry";
import { answerable, contextOf, type Handler, type ServeOptions } from "../../chain/index.ts";
import { bindService, type ServerCall, type ServiceBinding } from "../../transport/index.ts";
import type { Registry, RegistryKind } from "./kinds.ts";

/** Puts both registries behind `/registry.NetworkServiceRegistry/` and `/registry.NetworkServiceEndpointRegistry/`. */
export function registryBindings(registry: Registry, options: ServeOptions = {}): readonly ServiceBinding[] {
  return [
    bindService(NetworkServiceRegistry, methods(registry.services, options)),
    bindService(NetworkServiceEndpointRegistry, methods(registry.endpoints, options)),
  ];
}

function methods<K extends RegistryKind>(handler: Handler<K>, options: ServeOptions) {
  const answer = async <T>(serve: () => Promise<T>): Promise<T> => {
    try {
      return await serve();
    } catch (error) {
      throw answerable(error);
    }
  };
  return {
    register: (entry: K["request"], call: ServerCall): Promise<K["reply"]> =>
      answer(() => handler.request(contextOf(call, options), entry)),
    unregister: (entry: K["closing"], call: ServerCall) =>
      answer(async () => {
        await handler.close(contextOf(call, options), entry);
        return {};
      }),
    async *find(query: K["query"], call: ServerCall): AsyncIterable<K["found"]> {
      try {
        yield* handler.find(contextOf(call, options), query);
      } catch (error) {
        throw answerable(error);
      }
    },
  };
}

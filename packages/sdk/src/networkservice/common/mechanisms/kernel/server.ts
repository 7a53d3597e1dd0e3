import type { MechanismServer } from "../select/server.ts";
import { parameter } from "../types.ts";
import { checkInterfaceName, generateInterfaceName } from "./interface-name.ts";

/** For a forwarder: the caller says where its interface goes and what it is called. A missing name is made up. */
export function kernelForwarderServer(): MechanismServer {
  return {
    serve: (_ctx, connection, mechanism) => {
      mechanism.parameters[parameter.interfaceName] ||= generateInterfaceName(connection.networkService);
      checkInterfaceName(mechanism.parameters[parameter.interfaceName] ?? "");
    },
  };
}

/**
 * For an endpoint: its interface goes into its own network namespace.
 * @param options.netnsUrl `file://` URL of that namespace; default this process's own
 * @param options.interfaceName makes the name of a connection's interface; default the caller's wish, or one made from the connection's id
 */
export function kernelEndpointServer(
  options: { readonly netnsUrl?: string; readonly interfaceName?: (connectionId: string) => string } = {},
): MechanismServer {
  const { netnsUrl = ownNetnsUrl, interfaceName } = options;
  return {
    serve: (_ctx, connection, { parameters }) => {
      const { inodeUrl, interfaceName: name } = parameter;
      parameters[inodeUrl] = netnsUrl;
      if (interfaceName) parameters[name] = interfaceName(connection.id);
      parameters[name] ||= generateInterfaceName(connection.networkService, connection.id);
      checkInterfaceName(parameters[name]);
    },
  };
}

/** Of the calling thread, which is what upstream sends too. */
export const ownNetnsUrl = "file:///proc/thread-self/ns/net";

import { connectionOf } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";
import { mechanism as newMechanism, parameter } from "../types.ts";
import { checkInterfaceName, generateInterfaceName } from "./interface-name.ts";
import { ownNetnsUrl } from "./server.ts";

/**
 * For a client: every KERNEL preference gets our network namespace and an interface name; one is added if there is
 * none.
 * @param options.netnsUrl `file://` URL; default this process's own namespace
 */
export function kernelClient(options: { readonly netnsUrl?: string } = {}): NetworkServiceElement {
  const { netnsUrl = ownNetnsUrl } = options;
  return {
    name: "kernel",
    role: "client",
    request(ctx, request, next) {
      const connection = connectionOf(request);
      if (!request.mechanismPreferences.some(({ type }) => type === "KERNEL"))
        request.mechanismPreferences.push(newMechanism("KERNEL"));
      for (const { type, parameters } of request.mechanismPreferences) {
        if (type !== "KERNEL") continue;
        parameters[parameter.inodeUrl] ??= netnsUrl;
        parameters[parameter.interfaceName] ||=
          connection.mechanism?.parameters[parameter.interfaceName] ?? generateInterfaceName(connection.networkService);
        checkInterfaceName(parameters[parameter.interfaceName] ?? "");
      }
      return next.request(ctx, request);
    },
  };
}

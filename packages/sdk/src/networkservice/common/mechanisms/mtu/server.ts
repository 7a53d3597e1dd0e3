import { connectionOf, contextOf } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";
import { parameter } from "../types.ts";
import { lowerMtu, parseMtu, tunnelMtu } from "./mtu.ts";

/**
 * Lowers the MTU of the caller's tunnel, and with it the connection's, to what our uplink carries. Stands below the
 * choice of the mechanism.
 * @param options.uplinkMtu bytes
 */
export function mtuServer(options: { readonly uplinkMtu: number; readonly tunnelIp: string }): NetworkServiceElement {
  return {
    name: "mtu",
    role: "server",
    requires: ["server/mechanisms"],
    request(ctx, request, next) {
      const connection = connectionOf(request);
      const { mechanism } = connection;
      const own = mechanism && tunnelMtu(mechanism.type, options.uplinkMtu, options.tunnelIp);
      if (mechanism && own !== undefined) {
        const mtu = lowerMtu(parseMtu(mechanism.parameters[parameter.mtu]), own);
        mechanism.parameters[parameter.mtu] = String(mtu);
        const context = contextOf(connection);
        context.MTU = lowerMtu(context.MTU, mtu);
      }
      return next.request(ctx, request);
    },
  };
}

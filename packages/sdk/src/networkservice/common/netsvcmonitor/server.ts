import type { NetworkService } from "@nsmkit/api/registry";
import { messageOf } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import type { Begun } from "../../../chain/begun.ts";
import { bounded } from "../../../chain/bounded.ts";
import type { Context } from "../../../chain/context.ts";
import { key } from "../../../chain/key.ts";
import { matchEndpoints } from "../../../registry/match/index.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import type { Discovery } from "../discover/port.ts";

const lookUpTimeoutMs = 5_000;
const watchKey = key<Disposable>("netsvcmonitor", (watch) => watch[Symbol.dispose]());

/**
 * Closes a connection when its network service changes so that the endpoint no longer fits; the client then heals to
 * another one. One watch serves all connections of a service. A service or endpoint that is gone changes nothing.
 */
export function netsvcMonitorServer(
  discovery: Pick<Discovery, "endpoint" | "watchNetworkService">,
): NetworkServiceElement {
  const closeUnlessItFits = async (ctx: Context, connection: Begun<NetworkServiceKind>, service: NetworkService) => {
    const name = connection.last?.reply.networkServiceEndpointName ?? "";
    using time = bounded(ctx.clock, lookUpTimeoutMs, "looking up an endpoint");
    const endpoint = await discovery.endpoint(name, { signal: time.signal });
    const { last } = connection;
    if (!endpoint || !last || matchEndpoints(last.reply.labels, service, [endpoint]).length > 0) return;
    ctx.logger.info("network service no longer gives this endpoint", { connection: connection.id, endpoint: name });
    await connection.close();
  };

  return {
    name: "netsvcmonitor",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      const reply = await next.request(ctx, request);
      const connection = begun<NetworkServiceKind>(ctx);
      if (connection.store.get(watchKey)) return reply;
      const changed = (service: NetworkService | undefined): void => {
        if (!service) return;
        closeUnlessItFits(ctx, connection, service).catch((error: unknown) => {
          const reason = messageOf(error);
          ctx.logger.warn("could not apply a changed network service", { connection: connection.id, reason });
        });
      };
      connection.store.set(watchKey, discovery.watchNetworkService(reply.networkService, changed));
      return reply;
    },
    async close(ctx, connection, next) {
      begun(ctx).store.take(watchKey)?.[Symbol.dispose]();
      return next.close(ctx, connection);
    },
  };
}

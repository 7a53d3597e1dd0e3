import { State } from "@nsmkit/api/networkservice";
import { messageOf } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { listenDownstream } from "../monitor/downstream.ts";

/** Repeats the request when someone further down asks for it by an event with state REFRESH_REQUESTED. */
export function upstreamRefreshClient(): NetworkServiceElement {
  return {
    name: "upstreamrefresh",
    role: "client",
    requires: ["begin"],
    request(ctx, request, next) {
      const connection = begun(ctx);
      listenDownstream(connection.store, "upstreamrefresh", (event) => {
        if (event.connection.state !== State.REFRESH_REQUESTED) return;
        connection.request().catch((error: unknown) => {
          ctx.logger.warn("a refresh that was asked for failed", {
            connection: connection.id,
            reason: messageOf(error),
          });
        });
      });
      return next.request(ctx, request);
    },
  };
}

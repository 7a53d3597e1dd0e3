import type { NetworkServiceElement } from "../../core/kind.ts";

/** For a server at which the connection ends: cuts segments that an earlier, longer path left behind its own. */
export function trimPathServer(): NetworkServiceElement {
  return {
    name: "trimpath",
    role: "server",
    requires: ["updatepath"],
    async request(ctx, request, next) {
      const reply = await next.request(ctx, request);
      if (reply.path) reply.path.pathSegments.length = Math.min(reply.path.pathSegments.length, reply.path.index + 1);
      return reply;
    },
  };
}

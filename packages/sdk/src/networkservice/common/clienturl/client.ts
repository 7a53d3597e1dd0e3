import type { NetworkServiceElement } from "../../core/kind.ts";
import { nextUrl } from "../dial/nexthop.ts";

/** For a client that always goes to the same place: its nsmgr. */
export function clientUrl(url: string): NetworkServiceElement {
  return {
    name: "clienturl",
    role: "client",
    request: (ctx, request, next) => next.request(ctx.with(nextUrl, url), request),
    close: (ctx, connection, next) => next.close(ctx.with(nextUrl, url), connection),
  };
}

import type { NsElement } from "../../core/kinds.ts";

/** A service that names no payload carries IP. */
export function setPayloadServer(): NsElement {
  return {
    name: "setpayload",
    role: "server",
    async request(ctx, entry, next) {
      entry.payload ||= "IP";
      return next.request(ctx, entry);
    },
  };
}

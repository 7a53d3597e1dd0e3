import { X509Certificate } from "node:crypto";
import type { Connection } from "@nsmkit/api/networkservice";
import { messageOf } from "@nsmkit/core";
import type { Context } from "../../../chain/context.ts";
import type { Identity } from "../../../transport/api.ts";
import { connectionOf, currentSegment, pathOf, previousSegment, timestampOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { claimsOf } from "../authorize/token.ts";
import { readToken, type Token } from "./metadata.ts";

/**
 * Puts the caller's token, which came in the metadata, into the caller's path segment, and a token made for the
 * caller into ours. When we call onward, the next hop replaces ours with the one made for it.
 * A caller without token stays without; the segment's own `expires` then decides how long the connection lives.
 */
export function updateTokenServer(identity: Pick<Identity, "token">): NetworkServiceElement {
  const update = async (ctx: Context, connection: Connection): Promise<void> => {
    const path = pathOf(connection);
    const previous = previousSegment(path);
    const callers = callersToken(ctx);
    if (previous && callers) Object.assign(previous, { token: callers.token, expires: timestampOf(callers.expiresMs) });
    const own = await identity.token(ctx.call?.peer ?? {});
    const current = currentSegment(path);
    if (current) Object.assign(current, { token: own.token, expires: timestampOf(own.expiresMs) });
  };
  return {
    name: "updatetoken",
    role: "server",
    requires: ["updatepath", "begin"],
    async request(ctx, request, next) {
      await update(ctx, connectionOf(request));
      return next.request(ctx, request);
    },
    async close(ctx, connection, next) {
      await update(ctx, connection);
      return next.close(ctx, connection);
    },
  };
}

function callersToken(ctx: Context): Token | undefined {
  if (!ctx.call) return undefined;
  try {
    const token = readToken(ctx.call.metadata);
    return token && { ...token, expiresMs: Math.min(token.expiresMs, ...ends(token.token, ctx.call.peer.certificate)) };
  } catch (error) {
    ctx.logger.warn("caller sent no usable token", { peer: ctx.call.peer.address, reason: messageOf(error) });
    return undefined;
  }
}

/** A caller that claims more time than its token or its certificate has does not get it. */
function ends(token: string, certificate: Uint8Array | undefined): number[] {
  const claims = claimsOf(token);
  return [...(claims ? [claims.expiresMs] : []), ...(certificate ? [certificateEndMs(certificate)] : [])];
}

const certificateEnds = new WeakMap<Uint8Array, number>();

/** A peer object lives as long as its connection, so its certificate is parsed once. */
function certificateEndMs(certificate: Uint8Array): number {
  const known = certificateEnds.get(certificate);
  if (known !== undefined) return known;
  const end = Date.parse(new X509Certificate(certificate).validTo);
  certificateEnds.set(certificate, end);
  return end;
}

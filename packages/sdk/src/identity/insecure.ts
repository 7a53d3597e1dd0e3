import { type Clock, CodedError, systemClock } from "@nsmkit/core";
import type { Identity } from "../transport/api.ts";
import { plainToken } from "./token.ts";

/** Upstream's NSM_MAX_TOKEN_LIFETIME. */
export const defaultTokenLifeMs = 600_000;

/** A token is handed out again for this part of its life, so that signing stays off the path of most calls. */
export const reusePart = 0.05;

export interface InsecureIdentityOptions {
  /** The program's name; becomes the path of its id. */
  readonly name: string;
  /** Life of a token, ms; default 600,000. */
  readonly tokenLifeMs?: number;
  readonly clock?: Clock;
}

/**
 * An identity without certificates: plain connections, unsigned tokens (RFC 7519 section 6).
 * For sockets on one machine that file permissions protect.
 */
export function insecureIdentity(options: InsecureIdentityOptions): Identity {
  const { name, tokenLifeMs = defaultTokenLifeMs, clock = systemClock } = options;
  const spiffeId = `spiffe://insecure.nsmkit/${name}`;
  if (!/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/.test(name)) {
    throw new CodedError(
      "INVALID_ARGUMENT",
      `identity name ${JSON.stringify(name)}: use letters, digits, ".", "_", "-" and "/" between parts`,
    );
  }
  let cached: { token: string; expiresMs: number; until: number; audience: string | undefined } | undefined;
  const close = async (): Promise<void> => {};
  return {
    mode: "insecure",
    spiffeId,
    async token(peer) {
      const now = clock.now();
      const audience = peer.spiffeId;
      if (!cached || now >= cached.until || cached.audience !== audience) {
        const expiresMs = Math.floor((now + tokenLifeMs) / 1000) * 1000;
        const token = plainToken({ spiffeId, audience: audience === undefined ? [] : [audience], expiresMs });
        cached = { token, expiresMs, until: now + tokenLifeMs * reusePart, audience };
      }
      return { token: cached.token, expiresMs: cached.expiresMs };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

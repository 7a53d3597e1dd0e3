import { type Clock, CodedError, type Logger, messageOf, silentLogger, systemClock } from "@nsmkit/core";
import { Gate } from "../../../chain/gate.ts";
import { type Begun, begun, key } from "../../../chain/index.ts";
import { timestampMs, timestampOf } from "../../../networkservice/core/connection.ts";
import type { NseElement, NseKind } from "../../core/kinds.ts";
import { tokensEndKey } from "../updatepath/server.ts";
import { Deadlines } from "./deadlines.ts";

export interface ExpireOptions {
  /** Longest time that one registration lasts, ms; default 60,000, which is upstream's. */
  readonly defaultExpirationMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** One grant. A refresh withdraws it, also when its end has come and the unregistration waits behind the refresh. */
interface Grant {
  readonly registration: Begun<NseKind>;
  readonly endMs: number;
  readonly withdrawn: AbortController;
}

/** One for all: without a reason each abort makes an exception with a stack, at every refresh. */
const refreshed = new CodedError("ABORTED", "the endpoint was refreshed or unregistered meanwhile");

/** Unregistrations under way at once when many endpoints died together. */
const concurrency = 64;

/**
 * Grants a registration until the earliest of: what the endpoint asks, the end of our token and of the caller's, now
 * plus the default. Who has not come back by then is unregistered through the chain below.
 */
export function expireServer(options: ExpireOptions = {}): NseElement {
  const { defaultExpirationMs = 60_000, clock = systemClock, logger = silentLogger } = options;
  const gate = new Gate(concurrency);
  const deadlines = new Deadlines<Grant>(clock, (grant) => void gate.run(() => expire(grant, logger)));
  const grantKey = key<Grant>("expire", (grant) => withdraw(grant));

  function grant(registration: Begun<NseKind>, endMs: number): void {
    const granted = { registration, endMs, withdrawn: new AbortController() };
    registration.store.set(grantKey, granted);
    deadlines.set(granted, endMs);
  }

  function withdraw(granted: Grant): void {
    granted.withdrawn.abort(refreshed);
    deadlines.delete(granted);
  }

  return {
    name: "expire",
    role: "server",
    requires: ["begin"],
    async request(ctx, entry, next) {
      const registration = begun<NseKind>(ctx);
      const before = registration.store.take(grantKey);
      if (before) withdraw(before);
      const asked = entry.expirationTime ? timestampMs(entry.expirationTime) : Number.POSITIVE_INFINITY;
      const end = Math.min(asked, ctx.get(tokensEndKey) ?? Number.POSITIVE_INFINITY, clock.now() + defaultExpirationMs);
      entry.expirationTime = timestampOf(end);
      try {
        const reply = await next.request(ctx, entry);
        // The next registry may grant less.
        const granted = reply.expirationTime ? Math.min(end, timestampMs(reply.expirationTime)) : end;
        reply.expirationTime = timestampOf(granted);
        grant(registration, granted);
        return reply;
      } catch (error) {
        if (before) grant(registration, before.endMs);
        throw error;
      }
    },
    async close(ctx, entry, next) {
      const granted = begun<NseKind>(ctx).store.take(grantKey);
      if (granted) withdraw(granted);
      return next.close(ctx, entry);
    },
    async stop() {
      deadlines.clear();
    },
  };
}

async function expire({ registration, withdrawn }: Grant, logger: Logger): Promise<void> {
  if (withdrawn.signal.aborted) return;
  logger.info("endpoint expired", { endpoint: registration.id });
  try {
    await registration.close({ signal: withdrawn.signal });
  } catch (error) {
    const reason = messageOf(error);
    logger.warn("could not unregister an expired endpoint everywhere", { endpoint: registration.id, reason });
  }
}

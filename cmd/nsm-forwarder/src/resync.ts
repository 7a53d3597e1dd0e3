import type { KernelCrossConnector } from "@nsmkit/agent/crossconnect";
import { type Clock, type Logger, messageOf } from "@nsmkit/core";

export interface ResyncOptions {
  readonly plane: Pick<KernelCrossConnector, "list" | "removeLeftovers">;
  /** Every client refreshes within the life of its token, ms; who has not by then is gone. */
  readonly tokenLifeMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Looks for links of an earlier life of this forwarder. Their clients refresh or heal, and the links are taken over as
 * they stand; what nobody has asked for after the life of a token is removed.
 */
export async function resync(options: ResyncOptions): Promise<void> {
  const { plane, tokenLifeMs, clock, logger, signal } = options;
  const found = await plane.list({ signal }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    // New connections must not wait for old links to be countable; the removal looks again by itself.
    logger.warn("could not look for links of an earlier life", { reason: messageOf(error), error });
    return undefined;
  });
  if (found?.length === 0) return;
  if (found) {
    logger.info("links of an earlier life found, waiting for their clients", {
      connections: found.length,
      removedInMs: tokenLifeMs,
    });
  }
  const timer = clock.after(tokenLifeMs, async () => {
    try {
      const removed = await plane.removeLeftovers({ signal });
      logger.info("links that nobody asked for are removed", { connections: removed.length });
    } catch (error) {
      if (!signal.aborted)
        logger.error("links of an earlier life were not removed", { reason: messageOf(error), error });
    }
  });
  signal.addEventListener("abort", () => timer.cancel(), { once: true });
}

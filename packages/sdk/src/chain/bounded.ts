import { type Clock, CodedError, messageOf } from "@nsmkit/core";
import type { Context } from "./context.ts";
import type { Handler, Kind } from "./element.ts";

/** A signal with an end in time. Dispose it when the work is done, or its timer stays until then. */
export interface Bounded extends Disposable {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

/** Cancelled after `timeoutMs` (Infinity: never) with DEADLINE_EXCEEDED, or as soon as one of `parents` is. */
export function bounded(
  clock: Clock,
  timeoutMs: number,
  doing: string,
  parents: readonly (AbortSignal | undefined)[] = [],
): Bounded {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  if (Number.isFinite(timeoutMs)) {
    const late = (): void =>
      controller.abort(new CodedError("DEADLINE_EXCEEDED", `${doing} took longer than ${timeoutMs} ms`));
    const timer = clock.after(timeoutMs, late);
    undo.push(() => timer.cancel());
  }
  for (const parent of parents) {
    if (!parent) continue;
    const follow = (): void => controller.abort(parent.reason);
    if (parent.aborted) follow();
    else {
      parent.addEventListener("abort", follow, { once: true });
      undo.push(() => parent.removeEventListener("abort", follow));
    }
  }
  return {
    signal: controller.signal,
    deadlineMs: clock.now() + timeoutMs,
    [Symbol.dispose]: () => {
      for (const step of undo) step();
    },
  };
}

/** How long cleaning up after a failure may take when the caller's own time is over, ms. */
export const cleanUpTimeoutMs = 5_000;

/**
 * Closes what stands below an element that failed after `next.request` had succeeded. The caller's signal may be
 * cancelled already, so this has a time of its own. An error is logged: the first one is what the caller must see.
 */
export async function closeBelow<K extends Kind>(ctx: Context, next: Handler<K>, closing: K["closing"]): Promise<void> {
  using time = bounded(ctx.clock, cleanUpTimeoutMs, "cleaning up");
  try {
    await next.close(ctx.withSignal(time.signal, time.deadlineMs), closing);
  } catch (error) {
    ctx.logger.warn("could not clean up after a failed request", { error, reason: messageOf(error) });
  }
}

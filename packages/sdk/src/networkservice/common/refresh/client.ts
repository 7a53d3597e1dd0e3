import type { Connection } from "@nsmkit/api/networkservice";
import { type BackoffOptions, backoffDelay, messageOf } from "@nsmkit/core";
import { Alarm } from "../../../chain/alarm.ts";
import { begun } from "../../../chain/begin.ts";
import type { Begun } from "../../../chain/begun.ts";
import type { Context } from "../../../chain/context.ts";
import { Gate } from "../../../chain/gate.ts";
import { key } from "../../../chain/key.ts";
import { pathOf, timestampMs } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";

export interface RefreshOptions {
  /** Part of the interval that is random, so that connections made together do not refresh together; default 0.1. */
  readonly jitter?: number;
  /** Pauses after a failed refresh; default 200 ms growing to 10 s. Upstream repeats every 200 ms for ever. */
  readonly backoff?: BackoffOptions;
  /** Refreshes under way at once; default 32. */
  readonly concurrency?: number;
  readonly random?: () => number;
}

const alarmKey = key<Alarm>("refresh", (alarm) => alarm.disarm());
/** Set in the context of a request that the alarm itself started. */
const rungBy = key<Alarm>("refresh under way");

/**
 * Repeats the request of an established connection before any token of its path expires. Only the outermost client
 * refreshes: what stands between client and endpoint is refreshed by the request passing through.
 */
export function refreshClient(options: RefreshOptions = {}): NetworkServiceElement {
  const { jitter = 0.1, random = Math.random } = options;
  const backoff = { initialMs: 200, maxMs: 10_000, ...options.backoff };
  const gate = new Gate(options.concurrency ?? 32);

  const arm = (ctx: Context, connection: Begun, delayMs: number, failures: number): void => {
    const { id, store } = connection;
    const ring = async (signal: AbortSignal): Promise<void> => {
      try {
        await gate.run(() => connection.request({ signal, prepare: (event) => event.with(rungBy, alarm) }));
      } catch (error) {
        if (signal.aborted || !connection.established) return;
        const pauseMs = backoffDelay(failures + 1, backoff, random);
        ctx.logger.warn("refresh failed", { connection: id, reason: messageOf(error), againInMs: Math.round(pauseMs) });
        arm(ctx, connection, pauseMs, failures + 1);
      }
    };
    const alarm = new Alarm(ctx.clock, delayMs, (signal) => void ring(signal));
    store.set(alarmKey, alarm);
  };

  return {
    name: "refresh",
    role: "client",
    requires: ["begin"],
    async request(ctx, request, next) {
      const reply = await next.request(ctx, request);
      const connection = begun(ctx);
      const alarm = connection.store.take(alarmKey);
      if (alarm !== ctx.get(rungBy)) alarm?.cancel();
      const delayMs = refreshAfterMs(reply, ctx.clock.now()) * (1 - jitter * random());
      if (Number.isFinite(delayMs)) arm(ctx, connection, delayMs, 0);
      return reply;
    },
    async close(ctx, connection, next) {
      begun(ctx).store.take(alarmKey)?.disarm();
      return next.close(ctx, connection);
    },
  };
}

/**
 * Ms until the refresh, Infinity if nothing expires: a fifth to two fifths of the time that the first token to expire has left, the more the
 * further down the path we stand, so that the outermost client is always first; a third if the path is ours alone.
 * Rule of networkservicemesh/sdk pkg/networkservice/common/refresh.
 */
export function refreshAfterMs(connection: Connection, nowMs: number): number {
  const { index, pathSegments } = pathOf(connection);
  const ends = pathSegments.flatMap(({ expires }) => (expires ? [timestampMs(expires)] : []));
  const leftMs = Math.min(...ends) - nowMs;
  if (ends.length === 0) return Number.POSITIVE_INFINITY;
  const scale = pathSegments.length > 1 ? 0.2 + (0.2 * index) / pathSegments.length : 1 / 3;
  return Math.max(shortestIntervalMs, Math.round(leftMs * scale));
}

/** A token that is expired on arrival, or a clock that is wrong, must not make a busy loop. */
const shortestIntervalMs = 100;

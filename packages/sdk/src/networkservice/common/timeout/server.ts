import { CodedError, messageOf } from "@nsmkit/core";
import { Alarm } from "../../../chain/alarm.ts";
import { begun } from "../../../chain/begin.ts";
import { closeBelow } from "../../../chain/bounded.ts";
import { Gate } from "../../../chain/gate.ts";
import { key } from "../../../chain/key.ts";
import { cloneConnection, pathOf, previousSegment, timestampMs } from "../../core/connection.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";

const alarmKey = key<Alarm>("timeout", (alarm) => alarm.disarm());

/**
 * Closes a connection whose caller does not come back: when its segment expires, less the time that the request was
 * given, so that a refresh under way is not overtaken; but never in the first half of the time it has left, for a
 * caller with more patience than its token has life is no reason to close. Every successful request sets the time anew.
 * @param options.concurrency closes under way at once; a mesh whose clients all died is cleaned up in turn. Default 64
 */
export function timeoutServer(options: { readonly concurrency?: number } = {}): NetworkServiceElement {
  const gate = new Gate(options.concurrency ?? 64);
  return {
    name: "timeout",
    role: "server",
    requires: ["begin", "server/updatetoken"],
    async request(ctx, request, next) {
      const allowedMs = ctx.deadlineMs === undefined ? 0 : Math.max(0, ctx.deadlineMs - ctx.clock.now());
      const connection = begun<NetworkServiceKind>(ctx);
      const reply = await next.request(ctx, request);
      const expires = previousSegment(pathOf(reply))?.expires;
      if (!expires) {
        if (!connection.established) await closeBelow(ctx, next, cloneConnection(reply));
        throw new CodedError(
          "INVALID_ARGUMENT",
          `connection "${connection.id}" has no end: send token metadata or set expires in the caller's path segment`,
        );
      }
      const { id, store } = connection;
      const expire = async (signal: AbortSignal): Promise<void> => {
        ctx.logger.info("connection expired", { connection: id });
        try {
          await gate.run(() => connection.close({ signal }));
        } catch (error) {
          ctx.logger.warn("could not close an expired connection everywhere", {
            connection: id,
            reason: messageOf(error),
          });
        }
      };
      store.get(alarmKey)?.cancel();
      const leftMs = timestampMs(expires) - ctx.clock.now();
      const delayMs = Math.max(leftMs - allowedMs, leftMs / 2);
      store.set(alarmKey, new Alarm(ctx.clock, delayMs, (signal) => void expire(signal)));
      return reply;
    },
    async close(ctx, connection, next) {
      begun(ctx).store.take(alarmKey)?.disarm();
      return next.close(ctx, connection);
    },
  };
}

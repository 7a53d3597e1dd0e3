import { type Clock, CodedError, isCodedError, type Logger, messageOf, silentLogger, systemClock } from "@nsmkit/core";
import type { ServerCall } from "../transport/api.ts";
import { Context } from "./context.ts";

export interface ServeOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** The context of an RPC that a server received. */
export function contextOf(call: ServerCall, options: ServeOptions = {}): Context {
  const { clock = systemClock, logger = silentLogger } = options;
  const { signal, deadlineMs } = call;
  return new Context({ signal, clock, logger, call, ...(deadlineMs !== undefined && { deadlineMs }) });
}

/** What leaves a server: our own errors as they are, anything else as INTERNAL, since it is a defect and no answer. */
export function answerable(error: unknown): CodedError {
  if (isCodedError(error)) return error;
  return new CodedError("INTERNAL", `internal error: ${messageOf(error)}`, { cause: error });
}

import { isCodedError } from "@nsmkit/core";
import type { Counter, Gauge, Histogram } from "prom-client";
import type { ServiceBinding } from "../transport/index.ts";

export interface CallMetrics {
  readonly calls: Counter<"method" | "code">;
  readonly seconds: Histogram<"method">;
  readonly streams: Gauge<"method">;
}

type AnyHandler = (...args: unknown[]) => unknown;

/** The same services, with every call counted and timed. The method is `service/Method`, as on the wire. */
export function measured(bindings: readonly ServiceBinding[], metrics: CallMetrics): readonly ServiceBinding[] {
  return bindings.map(({ service, handlers }) => ({
    service,
    handlers: Object.fromEntries(
      service.methods.map((method) => {
        const handler = handlers[method.localName] as AnyHandler;
        const name = `${service.typeName}/${method.name}`;
        const wrapped = method.methodKind === "unary" ? unary(handler, name, metrics) : stream(handler, name, metrics);
        return [method.localName, wrapped];
      }),
    ),
  }));
}

const codeOf = (error: unknown): string => (isCodedError(error) ? error.code : "UNKNOWN");

function unary(handler: AnyHandler, method: string, { calls, seconds }: CallMetrics): AnyHandler {
  return async (...args) => {
    const stop = seconds.startTimer({ method });
    let code = "OK";
    try {
      return await handler(...args);
    } catch (error) {
      code = codeOf(error);
      throw error;
    } finally {
      stop();
      calls.inc({ method, code });
    }
  };
}

/** How long a stream lasts says nothing; how many there are does. */
function stream(handler: AnyHandler, method: string, { calls, streams }: CallMetrics): AnyHandler {
  return async function* (...args) {
    streams.inc({ method });
    let code = "OK";
    try {
      yield* handler(...args) as AsyncIterable<unknown>;
    } catch (error) {
      code = codeOf(error);
      throw error;
    } finally {
      streams.dec({ method });
      calls.inc({ method, code });
    }
  };
}

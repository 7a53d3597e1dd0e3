import type { CodedError } from "@nsmkit/core";
import type { OpResult } from "./api/netlink.ts";

/** The error that ended a batch or execution, if any: the first in order. */
export function firstFailure(results: readonly (OpResult | readonly OpResult[])[]): CodedError | undefined {
  for (const result of results) {
    if ("ok" in result) {
      if (!result.ok) return result.error;
    } else {
      const failure = firstFailure(result);
      if (failure) return failure;
    }
  }
  return undefined;
}

type Values<R extends readonly OpResult[]> = { [K in keyof R]: R[K] extends OpResult<infer T> ? T : never };

/** The values of a batch whose ops must all have worked. Throws the first failure. */
export function valuesOf<R extends readonly OpResult[]>(results: R): Values<R> {
  return results.map((result) => {
    if (!result.ok) throw result.error;
    return result.value;
  }) as Values<R>;
}

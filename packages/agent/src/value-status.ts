import type { BaseValueStatus, ValueState, ValueStatus } from "@nsmkit/scheduler";

/** States of a derived value that speak against its base value being in place, worst first. */
const troubles: readonly ValueState[] = ["FAILED", "RETRYING", "INVALID", "MISSING", "PENDING"];

const inPlace: ReadonlySet<ValueState> = new Set(["CONFIGURED", "OBTAINED", "DISCOVERED"]);

/**
 * What a value with all that is derived from it has come to: an interface whose address waits for something is PENDING.
 * For a trouble of derived values `error` and `details` name them.
 */
export function overallStatus({ value, derived_values = [] }: BaseValueStatus): ValueStatus {
  if (!inPlace.has(value.state)) return value;
  for (const state of troubles) {
    const such = derived_values.filter((derived) => derived.state === state);
    if (such.length === 0) continue;
    const error = such.flatMap((one) => (one.error === undefined ? [] : `${one.key}: ${one.error}`)).join("; ");
    const details = such.flatMap(({ key, details = [] }) => (details.length > 0 ? details : [key]));
    return {
      key: value.key,
      state,
      ...(error === "" ? {} : { error }),
      ...(value.last_operation === undefined ? {} : { last_operation: value.last_operation }),
      details: [...new Set(details)],
    };
  }
  return value;
}

import { isCodedError } from "@nsmkit/core";
import type { Descriptor } from "@nsmkit/scheduler";
import type { Check } from "./northbound.ts";

/** Asks the descriptors whether the values of a batch can be configured at all, before any of them is. */
export function descriptorCheck(descriptors: readonly Descriptor[]): Check {
  const validating = descriptors.filter((descriptor) => descriptor.validate);
  return (batch, _merged, problems) => {
    for (const item of batch) {
      for (const descriptor of validating) {
        const { prefix, exact, matches } = descriptor.keySelector;
        if (exact ? item.key !== prefix : !item.key.startsWith(prefix)) continue;
        if (matches && !matches(item.key)) continue;
        try {
          descriptor.validate?.(item.key, item.value);
        } catch (error) {
          if (!isCodedError(error)) throw error;
          problems.add(item.place, error.message);
        }
      }
    }
  };
}

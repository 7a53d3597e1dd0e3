import { CodedError } from "@nsmkit/core";

/** A value that can never work. The message has the shape `field: "value" is wrong because; remedy`. */
export function invalid(field: string, value: unknown, problem: string, remedy: string): CodedError {
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : String(value);
  return new CodedError("INVALID_ARGUMENT", `${field}: ${shown} ${problem}; ${remedy}`, { details: { field, value } });
}

/** An integer from `min` to `max`. */
export function checkInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(field, value, "is out of range", `use a whole number from ${min} to ${max}`);
}

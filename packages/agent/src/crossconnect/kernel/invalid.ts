import { CodedError } from "@nsmkit/core";

/** Names the connection, the field, the value and the remedy. */
export function invalid(connectionId: string, field: string, value: unknown, remedy: string): CodedError {
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : String(value);
  return new CodedError("INVALID_ARGUMENT", `connection ${connectionId}: ${field} is ${text}; ${remedy}`, {
    details: { field, value },
  });
}

/** A decimal number from a mechanism parameter or policy. */
export function decimal(connectionId: string, field: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw invalid(connectionId, field, text, `write a whole number from ${min} to ${max}`);
}

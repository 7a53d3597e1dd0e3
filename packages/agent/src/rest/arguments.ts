import { CodedError } from "@nsmkit/core";

/** A switch in a query: "1" or "true". */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || value === "0" || value === "false") return false;
  if (value === "1" || value === "true") return true;
  throw wrong(name, value, "1 or true");
}

/** A time as nanoseconds since the epoch, in ms. */
export function time(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^\d{1,19}$/.test(value)) throw wrong(name, value, "nanoseconds since 1970");
  return Number(BigInt(value) / 1_000_000n);
}

export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw wrong(name, value, "a whole number");
  return Number(value);
}

export function oneOf<const T extends string>(
  query: URLSearchParams,
  name: string,
  values: readonly T[],
): T | undefined {
  const given = query.get(name);
  if (given === null) return undefined;
  const found = values.find((value) => value === given);
  if (found === undefined) throw wrong(name, given, values.join(", "));
  return found;
}

export function wrong(name: string, value: string, expected: string): CodedError {
  return new CodedError(
    "INVALID_ARGUMENT",
    `argument ${name} is ${JSON.stringify(value.slice(0, 60))}, must be ${expected}`,
  );
}

export function missing(name: string): CodedError {
  return new CodedError("INVALID_ARGUMENT", `argument ${name} is missing`);
}

/** A JSON object: not a list, not null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keys that an object must not have, each with the sentence to show. */
export function unknownFields(
  value: Record<string, unknown>,
  known: readonly string[],
): { key: string; text: string }[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => ({ key, text: `field "${key.slice(0, 64)}" is unknown; the fields are ${known.join(", ")}` }));
}

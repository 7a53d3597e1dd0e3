/** What JSON.parse gives for an object. */
export type JsonMap = { readonly [key: string]: unknown };

export const isMap = (value: unknown): value is JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The JSON merge patch (RFC 7386) that makes `after` of `before`; undefined if they are the same. */
export function mergePatch(before: JsonMap, after: JsonMap): JsonMap | undefined {
  // A label may have any name, "__proto__" too.
  const patch: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    const part = isMap(value) && isMap(old) ? mergePatch(old, value) : isSame(old, value) ? undefined : value;
    if (part !== undefined) patch[key] = part;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => isSame(item, b[at]));
  if (isMap(a) && isMap(b)) return mergePatch(a, b) === undefined;
  return a === b;
}

/** Objects of the API as they come: the API server has checked their shape, and here nothing relies on it. */
export type Json = Readonly<Record<string, unknown>>;

export const isMap = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const mapOf = (value: unknown): Json => (isMap(value) ? value : {});
export const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isMap) : []);
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** One key as part of a JSON pointer (RFC 6901). */
export const pointer = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

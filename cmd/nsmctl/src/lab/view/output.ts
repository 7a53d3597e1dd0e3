export const formats = ["table", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

/** A value in the machine's forms, or whatever `asTable` makes of it. */
export async function render<T>(value: T, format: Format, asTable: (value: T) => string): Promise<string> {
  if (format === "json") return `${JSON.stringify(value, null, 2)}\n`;
  if (format === "yaml") return (await import("yaml")).stringify(value);
  return asTable(value);
}

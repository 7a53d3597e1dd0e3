import { invalid } from "./invalid.ts";

/** NAME_MAX (linux/limits.h). */
const maxBytes = 255;

/** A file name below the namespace directory. @throws CodedError INVALID_ARGUMENT */
export function checkNetnsName(value: unknown, field = "network namespace"): string {
  const remedy = `use 1 to ${maxBytes} bytes without "/" or zero bytes, not "." or ".."`;
  if (typeof value !== "string" || value === "" || value === "." || value === "..")
    throw invalid(field, value, "is no name", remedy);
  if (value.includes("/") || value.includes("\0") || Buffer.byteLength(value) > maxBytes)
    throw invalid(field, value, "cannot be a file name", remedy);
  return value;
}

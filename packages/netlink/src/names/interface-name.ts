import { invalid } from "./invalid.ts";

/** IFNAMSIZ - 1 (linux/if.h). */
const maxBytes = 15;

/** Bytes that the kernel's isspace() takes for white space (lib/ctype.c): it reads Latin-1, so 0xa0 is one. */
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0xa0;

/**
 * What is wrong with an interface name, or undefined. The rules of dev_valid_name() in net/core/dev.c, and two of
 * ours: no NUL, and no "%", which the kernel would replace by a number.
 */
export function interfaceNameProblem(name: string): string | undefined {
  const bytes = Buffer.from(name, "utf8");
  if (bytes.length === 0) return "is empty";
  if (bytes.length > maxBytes) return `is ${bytes.length} bytes long`;
  if (name === "." || name === "..") return "is a directory name";
  for (const byte of bytes) {
    if (byte === 0x2f || byte === 0x3a) return `contains "${String.fromCharCode(byte)}"`;
    if (byte === 0x25) return 'contains "%"';
    if (byte === 0) return "contains a zero byte";
    if (isSpace(byte)) return "contains white space";
  }
  return undefined;
}

/** Returns the name. @throws CodedError INVALID_ARGUMENT naming the field, the value and the rule */
export function checkInterfaceName(value: unknown, field = "interface name"): string {
  const problem = typeof value === "string" ? interfaceNameProblem(value) : "is not text";
  if (problem === undefined) return value as string;
  throw invalid(field, value, problem, `use 1 to ${maxBytes} bytes without "/", ":", "%" or white space`);
}

import { randomInt } from "node:crypto";
import { CodedError } from "@nsmkit/core";

/** IFNAMSIZ of linux/if.h without the closing zero. */
const longestName = 15;
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A fresh name of exactly 15 characters: the service cut to ten, a dash, random letters and digits. */
export function generateInterfaceName(networkService: string): string {
  const prefix = `${networkService.replace(/[^0-9A-Za-z_-]/g, "").slice(0, 10)}-`;
  const random = Array.from({ length: longestName - prefix.length }, () => alphabet[randomInt(alphabet.length)]);
  return prefix + random.join("");
}

/** Rules of dev_valid_name in the kernel's net/core/dev.c. @throws INVALID_ARGUMENT naming the name and the rule it breaks */
export function checkInterfaceName(name: string): void {
  const wrong =
    Buffer.byteLength(name) > longestName
      ? `is longer than ${longestName} bytes`
      : name === "" || name === "." || name === ".." || /[/:\s]/.test(name)
        ? 'must not be empty, "." or "..", nor contain "/", ":" or white space'
        : undefined;
  if (wrong) throw new CodedError("INVALID_ARGUMENT", `interface name ${JSON.stringify(name)} ${wrong}`);
}

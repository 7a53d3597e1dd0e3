import { createHash, randomBytes } from "node:crypto";
import { CodedError } from "@nsmkit/core";

/** IFNAMSIZ of linux/if.h without the closing zero. */
const longestName = 15;
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/**
 * A name of exactly 15 characters: the service cut to ten, a dash, letters and digits.
 * @param connectionId gives the same name again for the same connection, which then keeps its interface when the program
 *   that remembered the name has restarted; default: a random one
 */
export function generateInterfaceName(networkService: string, connectionId?: string): string {
  const prefix = `${networkService.replace(/[^0-9A-Za-z_-]/g, "").slice(0, 10)}-`;
  const bytes = connectionId === undefined ? randomBytes(32) : createHash("sha256").update(connectionId).digest();
  let number = BigInt(`0x${bytes.toString("hex")}`);
  let name = prefix;
  while (name.length < longestName) {
    name += alphabet[Number(number % BigInt(alphabet.length))];
    number /= BigInt(alphabet.length);
  }
  return name;
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

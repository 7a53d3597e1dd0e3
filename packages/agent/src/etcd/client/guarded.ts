import type { Txn } from "../api.ts";
import { bytesOf } from "../bytes.ts";

/**
 * Whether a transaction may be sent a second time when the first got no answer: once it was done, its condition does
 * not hold any more. True when it asks for the very revision or version of a key that it puts, and writes nothing else
 * when that is another.
 */
export function isGuarded(txn: Txn): boolean {
  if ((txn.failure ?? []).some((operation) => !("range" in operation))) return false;
  const puts = new Set((txn.success ?? []).flatMap((operation) => ("put" in operation ? [hex(operation.put)] : [])));
  return (txn.compare ?? []).some(
    (compare) =>
      (compare.is ?? "=") === "=" &&
      puts.has(hex(compare.key)) &&
      ("modRevision" in compare ||
        "version" in compare ||
        ("createRevision" in compare && compare.createRevision === 0n)),
  );
}

const hex = (bytes: Uint8Array | string): string => Buffer.from(bytesOf(bytes)).toString("hex");

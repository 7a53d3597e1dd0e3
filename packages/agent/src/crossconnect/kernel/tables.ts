import { createHash } from "node:crypto";
import { type PolicySelector, selectorKey } from "./interface-plan.ts";

/** Where the tables of policies lie: above what the kernel (253..255) and people use. */
const firstTable = 0x4000_0000;
const tableBits = 0x3fff_ffff;

/**
 * The routing table of one policy. It follows from the connection and what the policy selects, so that a forwarder
 * which starts again knows its tables, and no table has to be looked for. Of n policies in a namespace two collide
 * with a probability of n^2 / 2^31.
 */
export function tableOf(connectionId: string, selector: PolicySelector): number {
  const digest = createHash("sha256")
    .update(`${selectorKey(selector)} ${connectionId}`)
    .digest();
  return firstTable + (digest.readUInt32BE() & tableBits);
}

/** Whether a table can be one of ours. */
export const isPolicyTable = (table: number): boolean => table >= firstTable && table <= firstTable + tableBits;

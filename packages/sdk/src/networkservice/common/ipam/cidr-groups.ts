import { CodedError } from "@nsmkit/core";
import { mustParseCidr } from "../../core/prefix.ts";

/**
 * CIDR groups as upstream's endpoints spell them: `a,b` is two groups of one each; `[a,b],[c]` one of two and one.
 * @throws INVALID_ARGUMENT naming the part that is wrong
 */
export function parseCidrGroups(text: string): string[][] {
  const groups: string[][] = [];
  let rest = text.trim();
  while (rest !== "") {
    const match = /^(?:\[([^[\]]*)\]|([^[\],]+))\s*(?:,\s*(?=\S)|$)/.exec(rest);
    if (!match) throw new CodedError("INVALID_ARGUMENT", `cannot read CIDR groups from ${JSON.stringify(rest)} on`);
    const cidrs = (match[1] ?? match[2] ?? "").split(",").map((cidr) => cidr.trim());
    for (const cidr of cidrs) mustParseCidr(cidr);
    groups.push(cidrs);
    rest = rest.slice(match[0].length);
  }
  if (groups.length === 0) throw new CodedError("INVALID_ARGUMENT", "no CIDR is given");
  return groups;
}

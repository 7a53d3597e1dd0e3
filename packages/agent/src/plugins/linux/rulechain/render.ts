import { RuleChain_Policy as Policy, type RuleChain } from "@nsmkit/api/linux";
import { chainOf, isCustom, tableOf } from "./chain.ts";
import { ownComment, quoteWords, type RuleMark, ruleWords } from "./rule.ts";

/** The comment by which rule `index` of a chain is known again: its own, or our mark. */
export function commentOf(mark: RuleMark, value: RuleChain, index: number): string {
  const rule = value.rules[index] ?? "";
  return ownComment(ruleWords(rule) ?? []) ?? mark.of(value.name, index, rule);
}

/**
 * Input for `iptables-restore --noflush` that makes a chain hold exactly these rules. It is one commit of one table:
 * packets meet either all of the old rules or all of the new.
 */
export function renderChain(mark: RuleMark, value: RuleChain): string {
  const chain = chainOf(value);
  const lines = [`*${tableOf(value)}`];
  // Declaring a user-defined chain makes or empties it; for a built-in one it would only set the policy.
  if (isCustom(value)) lines.push(`:${chain} - [0:0]`);
  else {
    if (value.defaultPolicy !== Policy.NONE) lines.push(`:${chain} ${Policy[value.defaultPolicy]} [0:0]`);
    lines.push(`-F ${chain}`);
  }
  for (const [i, rule] of value.rules.entries()) {
    const words = ruleWords(rule) ?? [];
    const marked = ownComment(words) === undefined ? `-m comment --comment "${mark.of(value.name, i, rule)}" ` : "";
    lines.push(`-A ${chain} ${marked}${quoteWords(words)}`);
  }
  return [...lines, "COMMIT", ""].join("\n");
}

/** The line of `renderChain`'s result that rule `index` is on, counted from 1. */
export function lineOfRule(value: RuleChain, index: number): number {
  return (!isCustom(value) && value.defaultPolicy !== Policy.NONE ? 4 : 3) + index;
}

/**
 * Input that empties a chain, removes it if it is user-defined, and gives a built-in one the policy back.
 * @param policy what to set; undefined leaves it alone
 */
export function renderRemoval(value: RuleChain, policy: string | undefined): string {
  const chain = chainOf(value);
  const lines = [`*${tableOf(value)}`];
  if (isCustom(value)) lines.push(`:${chain} - [0:0]`, `-X ${chain}`);
  else {
    if (policy !== undefined) lines.push(`:${chain} ${policy} [0:0]`);
    lines.push(`-F ${chain}`);
  }
  return [...lines, "COMMIT", ""].join("\n");
}

import { ownComment, ruleWords } from "./rule.ts";

/** One chain as iptables-save prints it. */
export interface SavedChain {
  /** "ACCEPT" or "DROP"; "-" for a user-defined chain. */
  readonly policy: string;
  readonly rules: readonly SavedRule[];
}

export interface SavedRule {
  /** What follows the chain in the `-A` line. */
  readonly text: string;
  readonly comment: string | undefined;
}

/** Chains by "table/chain". Lines of another form are passed over: iptables-save prints comments and warnings. */
export function parseSave(text: string): ReadonlyMap<string, SavedChain> {
  const chains = new Map<string, { policy: string; rules: SavedRule[] }>();
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    else if (line.startsWith(":")) {
      const [chain, policy] = line.slice(1).split(" ");
      if (chain && policy) chains.set(`${table}/${chain}`, { policy, rules: [] });
    } else if (line.startsWith("-A ")) {
      const [, chain = "", rule = ""] = /^-A (\S+) ?(.*)$/.exec(line) ?? [];
      chains.get(`${table}/${chain}`)?.rules.push({ text: rule, comment: ownComment(ruleWords(rule) ?? []) });
    }
  }
  return chains;
}

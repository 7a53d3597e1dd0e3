import { isCodedError } from "@nsmkit/core";
import type { LinuxContext } from "../context.ts";
import type { OpenNamespace } from "../namespaces.ts";
import type { Iptables } from "./iptables.ts";
import type { RuleMark } from "./rule.ts";
import { parseSave, type SavedChain, type SavedRule } from "./save.ts";

/**
 * Empties chains of the agent's own namespace that hold our rules though nobody declares them any more: those that were
 * withdrawn while the agent was not running. A user-defined one is removed, and a built-in one of which all rules were
 * ours gets the kernel's policy, ACCEPT, back. Rules of others stay.
 * @param isDeclared tells by the chain's name in a mark
 */
export async function removeForgottenChains(
  context: LinuxContext,
  iptables: Iptables,
  mark: RuleMark,
  isDeclared: (name: string) => boolean,
): Promise<void> {
  const { own } = context.namespaces;
  for (const v6 of [false, true]) {
    try {
      await clean(own, v6, context, iptables, mark, isDeclared);
    } catch (error) {
      // Without iptables there are no rules; what else goes wrong here shows when chains are configured.
      if (!isCodedError(error, "UNSUPPORTED"))
        context.logger.warn("rules of an earlier life were not looked for", { family: v6 ? 6 : 4, error });
      return;
    }
  }
}

async function clean(
  own: OpenNamespace,
  v6: boolean,
  context: LinuxContext,
  iptables: Iptables,
  mark: RuleMark,
  isDeclared: (name: string) => boolean,
): Promise<void> {
  const chains = parseSave(await iptables.save(own, v6, {}));
  const empty: string[] = [];
  for (const [path, chain] of chains) {
    const names = chain.rules.map(({ comment }) => mark.chainOf(comment));
    const owners = new Set(names.filter((name) => name !== undefined));
    if (owners.size === 0 || [...owners].some(isDeclared)) continue;
    const [table = "", name = ""] = path.split("/");
    const foreign = chain.rules.filter((_rule, i) => names[i] === undefined);
    context.logger.info("rules that are no longer declared are removed", { table, chain: name });
    await iptables.restore(own, v6, withOnly(foreign, table, name, chain), {});
    if (chain.policy === "-" && foreign.length === 0) empty.push(`*${table}\n-X ${name}\nCOMMIT\n`);
  }
  // Only now: a chain can go when no other one jumps to it.
  for (const input of empty) await iptables.restore(own, v6, input, {});
}

function withOnly(rules: readonly SavedRule[], table: string, name: string, chain: SavedChain): string {
  const lines = [`*${table}`];
  if (chain.policy === "-") lines.push(`:${name} - [0:0]`);
  else lines.push(...(rules.length > 0 ? [] : [`:${name} ACCEPT [0:0]`]), `-F ${name}`);
  return [...lines, ...rules.map(({ text }) => `-A ${name} ${text}`), "COMMIT", ""].join("\n");
}

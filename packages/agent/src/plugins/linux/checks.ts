import type { Interface, RuleChain } from "@nsmkit/api/linux";
import { linuxInterfaceModel, linuxRuleChainModel } from "@nsmkit/api/model";
import type { Item } from "../../northbound/item.ts";
import type { Check } from "../../northbound/northbound.ts";
import { linkClaim } from "./interface.ts";
import { hostNameOf, interfaceTitle } from "./interface-check.ts";
import { chainOf, chainPath, ruleChainTitle, tableOf } from "./rulechain/chain.ts";

/** Two interfaces that mean the same link of the same namespace. */
export const checkLinkNames: Check = (batch, merged, problems) => {
  const interfaces = batch.filter(({ model }) => model === linuxInterfaceModel);
  // Most changes have none, and what is declared altogether may be a lot.
  if (interfaces.length === 0) return;
  const owners = byClaim(merged, linuxInterfaceModel.keyPrefix, (item) => linkClaim(item.value as Interface));
  for (const item of interfaces) {
    const value = item.value as Interface;
    const twin = owners.get(linkClaim(value))?.find((other) => other.key !== item.key);
    if (!twin) continue;
    const other = (twin.value as Interface).name;
    problems.add(
      item.place,
      `${interfaceTitle(value.name)}: its link "${hostNameOf(value)}" is that of interface ${JSON.stringify(other)} (${twin.place}) too; choose another host_if_name or namespace`,
    );
  }
};

/** Two rule chains about the same chain of iptables. */
export const checkRuleChains: Check = (batch, merged, problems) => {
  const chains = batch.filter(({ model }) => model === linuxRuleChainModel);
  if (chains.length === 0) return;
  const owners = byClaim(merged, linuxRuleChainModel.keyPrefix, (item) => chainPath(item.value as RuleChain));
  for (const item of chains) {
    const value = item.value as RuleChain;
    const twin = owners.get(chainPath(value))?.find((other) => other.key !== item.key);
    if (!twin) continue;
    const other = (twin.value as RuleChain).name;
    problems.add(
      item.place,
      `${ruleChainTitle(value)}: chain ${chainOf(value)} of table ${tableOf(value)} is that of rule chain ${JSON.stringify(other)} (${twin.place}) too; put all its rules into one`,
    );
  }
};

function byClaim(
  merged: ReadonlyMap<string, Item>,
  prefix: string,
  claim: (item: Item) => string,
): Map<string, Item[]> {
  const owned = [...merged.values()].filter((item) => item.key.startsWith(prefix));
  return Map.groupBy(owned, claim);
}

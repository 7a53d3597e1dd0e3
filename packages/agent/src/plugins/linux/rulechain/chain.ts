import {
  RuleChain_ChainType as ChainType,
  RuleChain_Policy as Policy,
  RuleChain_Protocol as Protocol,
  type RuleChain,
  RuleChain_Table as Table,
} from "@nsmkit/api/linux";
import { FieldChecks } from "../../field-checks.ts";
import { checkNamespace } from "../namespace-check.ts";
import { namespaceText } from "../namespaces.ts";
import { ruleProblem } from "./rule.ts";

export const tableOf = (value: RuleChain): string => Table[value.table].toLowerCase();
export const chainOf = (value: RuleChain): string =>
  value.chainType === ChainType.CUSTOM ? value.chainName : ChainType[value.chainType];
export const isCustom = (value: RuleChain): boolean => value.chainType === ChainType.CUSTOM;
export const isV6 = (value: RuleChain): boolean => value.protocol === Protocol.IPV6;

/** Which chain a value is about: two values about the same one contradict each other. */
export function chainPath(value: RuleChain, chain: string = chainOf(value)): string {
  return `${namespaceText(value.namespace)}/${Protocol[value.protocol]}/${tableOf(value)}/${chain}`;
}

export function ruleChainTitle(value: RuleChain): string {
  return `linux.iptables rulechain ${JSON.stringify(value.name)}`;
}

/** Built-in chains per table, as Ligato allows them (ligato/vpp-agent plugins/linux/iptablesplugin). */
const builtIn: Readonly<Record<Table, readonly ChainType[]>> = {
  [Table.FILTER]: [ChainType.INPUT, ChainType.OUTPUT, ChainType.FORWARD],
  [Table.NAT]: [ChainType.PREROUTING, ChainType.OUTPUT, ChainType.POSTROUTING],
  [Table.MANGLE]: [ChainType.INPUT, ChainType.OUTPUT, ChainType.FORWARD, ChainType.PREROUTING, ChainType.POSTROUTING],
  [Table.RAW]: [ChainType.PREROUTING, ChainType.OUTPUT],
  [Table.SECURITY]: [ChainType.INPUT, ChainType.OUTPUT, ChainType.FORWARD],
};

/** XT_EXTENSION_MAXNAMELEN of linux/netfilter/x_tables.h less the final zero. */
const maxChainName = 28;

export function checkRuleChain(value: RuleChain): void {
  const checks = new FieldChecks(ruleChainTitle(value));
  checks.required("name", value.name, "give every rule chain its own name");
  checkNamespace(checks, value.namespace);
  const allowed = builtIn[value.table];
  if (isCustom(value)) {
    checks.required("chain_name", value.chainName, "name the chain, or choose a built-in one by chain_type");
    if (value.chainName !== "" && !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(value.chainName))
      checks.wrong(
        "chain_name",
        `is ${JSON.stringify(value.chainName)}, must be letters, digits, "_", "." or "-", not beginning with "-"`,
      );
    if (value.chainName.length > maxChainName)
      checks.wrong(
        "chain_name",
        `is ${JSON.stringify(value.chainName)} (${value.chainName.length} characters), iptables allows ${maxChainName}`,
      );
    if (Object.values(ChainType).includes(value.chainName as never))
      checks.wrong("chain_name", `is the built-in chain ${value.chainName}; write it as chain_type`);
  } else if (!allowed.includes(value.chainType)) {
    checks.wrong(
      "chain_type",
      `is ${ChainType[value.chainType]}, table ${Table[value.table]} has ${allowed.map((type) => ChainType[type]).join(", ")} and CUSTOM`,
    );
  } else if (value.chainName !== "") {
    checks.wrong("chain_name", `does not go with chain_type ${ChainType[value.chainType]}; leave one of them out`);
  }
  if (value.defaultPolicy !== Policy.NONE) {
    if (value.table !== Table.FILTER || isCustom(value))
      checks.wrong(
        "default_policy",
        `is ${Policy[value.defaultPolicy]}, only built-in chains of table FILTER have a policy; leave it out`,
      );
    else if (value.defaultPolicy !== Policy.ACCEPT && value.defaultPolicy !== Policy.DROP)
      checks.wrong(
        "default_policy",
        `is ${Policy[value.defaultPolicy]}, the kernel takes ACCEPT or DROP; write a last rule with -j ${Policy[value.defaultPolicy]} instead`,
      );
  }
  for (const [i, rule] of value.rules.entries()) {
    const problem = ruleProblem(rule);
    if (problem) checks.wrong(`rules[${i}]`, problem);
  }
  checks.throwIfAny();
}

import { create } from "@bufbuild/protobuf";
import { RuleChain_Policy as Policy, type RuleChain, RuleChainSchema } from "@nsmkit/api/linux";
import { isCodedError } from "@nsmkit/core";
import type { CallOptions, RetrievedValue, RetrieveRequest } from "@nsmkit/scheduler";
import type { LinuxContext } from "../context.ts";
import { namespaceText } from "../namespaces.ts";
import { chainOf, isCustom, isV6, tableOf } from "./chain.ts";
import type { Iptables } from "./iptables.ts";
import type { RuleChainMetadata } from "./metadata.ts";
import { commentOf } from "./render.ts";
import type { RuleMark } from "./rule.ts";
import { parseSave, type SavedChain } from "./save.ts";

type Retrieved = RetrievedValue<RuleChain, RuleChainMetadata>;
type Request = RetrieveRequest<RuleChain, RuleChainMetadata>;

/** Finds the declared chains that exist, with one `iptables-save` per namespace and family. */
export async function retrieveRuleChains(
  context: LinuxContext,
  iptables: Iptables,
  mark: RuleMark,
  request: Request,
  options: CallOptions,
): Promise<Retrieved[]> {
  const groups = Map.groupBy(request.correlate, ({ value }) => `${namespaceText(value.namespace)}/${isV6(value)}`);
  const found = await Promise.all(
    [...groups.values()].map(async (group) => {
      const chains = await savedChains(context, iptables, (group[0] as Retrieved).value, options);
      return group.flatMap((wanted) => {
        const chain = chains.get(`${tableOf(wanted.value)}/${chainOf(wanted.value)}`);
        if (!chain || !counts(context, mark, wanted.value, chain)) return [];
        const value = describeChain(mark, wanted.value, chain);
        return [{ key: wanted.key, value, metadata: wanted.metadata ?? {}, origin: "NB" as const }];
      });
    }),
  );
  return found.flat();
}

async function savedChains(
  context: LinuxContext,
  iptables: Iptables,
  sample: RuleChain,
  options: CallOptions,
): Promise<ReadonlyMap<string, SavedChain>> {
  try {
    return await context.namespaces.borrow(sample.namespace, { ...options, create: false }, async (namespace) =>
      parseSave(await iptables.save(namespace, isV6(sample), options)),
    );
  } catch (error) {
    if (isCodedError(error) && ["NOT_FOUND", "FAILED_PRECONDITION", "UNSUPPORTED"].includes(error.code))
      return new Map();
    throw error;
  }
}

/**
 * Whether a chain that is there counts as this value being configured. A built-in chain is always there, so one
 * without any rule of ours does not. After a restart interfaces may wait for the mesh to come back: until they do, the
 * chain is left to work and not reported, or the scheduler would take it away for want of its interfaces.
 */
function counts(context: LinuxContext, mark: RuleMark, value: RuleChain, chain: SavedChain): boolean {
  if (value.interfaces.some((name) => context.interfaces().get(name) === undefined)) return false;
  if (isCustom(value)) return true;
  return value.rules.length === 0 || chain.rules.some((rule) => mark.owns(rule.comment));
}

/** The rules in the words of their declaration where they are unchanged, else as iptables shows them. */
function describeChain(mark: RuleMark, declared: RuleChain, found: SavedChain): RuleChain {
  const policy = Policy[found.policy as keyof typeof Policy];
  return create(RuleChainSchema, {
    ...declared,
    defaultPolicy: declared.defaultPolicy === Policy.NONE ? Policy.NONE : (policy ?? Policy.NONE),
    rules: found.rules.map((rule, i) =>
      i < declared.rules.length && rule.comment === commentOf(mark, declared, i)
        ? (declared.rules[i] as string)
        : rule.text,
    ),
  });
}

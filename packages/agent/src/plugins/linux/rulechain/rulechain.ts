import { RuleChain_Policy as Policy, type RuleChain } from "@nsmkit/api/linux";
import { linuxRuleChainModel } from "@nsmkit/api/model";
import { CodedError, isCodedError } from "@nsmkit/core";
import { type CallOptions, type Dependency, type Descriptor, type KeyValue, keyPrefix } from "@nsmkit/scheduler";
import { interfaceDescriptorName, type LinuxContext } from "../context.ts";
import { chainPrefix, interfaceKey } from "../keys.ts";
import { namespaceDependencies } from "../namespace-check.ts";
import type { OpenNamespace } from "../namespaces.ts";
import { chainOf, chainPath, checkRuleChain, isCustom, isV6, ruleChainTitle, tableOf } from "./chain.ts";
import type { Iptables } from "./iptables.ts";
import type { RuleChainMetadata } from "./metadata.ts";
import { lineOfRule, renderChain, renderRemoval } from "./render.ts";
import { retrieveRuleChains } from "./retrieve.ts";
import { jumpsOf, type RuleMark, ruleWords } from "./rule.ts";
import { parseSave } from "./save.ts";

/** Chains of iptables: a chain holds exactly the declared rules, and changes from one set to the next at once. */
export function createRuleChainDescriptor(
  context: LinuxContext,
  iptables: Iptables,
  mark: RuleMark,
): Descriptor<RuleChain, RuleChainMetadata> {
  return {
    name: "linux-ipt-rulechain",
    keySelector: keyPrefix(linuxRuleChainModel.keyPrefix),
    nbKeyPrefix: linuxRuleChainModel.keyPrefix,
    keyLabel: (key) => key.slice(linuxRuleChainModel.keyPrefix.length),
    withMetadata: true,
    retrieveDependencies: [interfaceDescriptorName],
    validate: (_key, value) => checkRuleChain(value),
    equal: sameChain,
    dependencies: (_key, value) => dependencies(value),
    claims: (_key, value) => [`linux/iptables/${chainPath(value)}`],
    derivedValues: (_key, value): KeyValue[] =>
      isCustom(value) ? [{ key: `${chainPrefix}${chainPath(value)}`, value: {} }] : [],
    updateWithRecreate: ({ oldValue, newValue }) => chainPath(oldValue) !== chainPath(newValue),

    create: ({ value }, options) =>
      context.namespaces.borrow(value.namespace, options, async (namespace) => {
        const previousPolicy = await policyBefore(namespace, value, options);
        await apply(namespace, value, options);
        return previousPolicy === undefined ? {} : { previousPolicy };
      }),

    update: ({ oldValue, newValue, metadata }, options) =>
      context.namespaces.borrow(newValue.namespace, options, async (namespace) => {
        const hadPolicy = oldValue.defaultPolicy !== Policy.NONE;
        const hasPolicy = newValue.defaultPolicy !== Policy.NONE;
        const previousPolicy =
          !hadPolicy && hasPolicy ? await policyBefore(namespace, newValue, options) : metadata?.previousPolicy;
        await apply(namespace, newValue, options);
        if (hadPolicy && !hasPolicy) {
          const lines = [
            `*${tableOf(newValue)}`,
            `:${chainOf(newValue)} ${previousPolicy ?? "ACCEPT"} [0:0]`,
            "COMMIT",
            "",
          ];
          await iptables.restore(namespace, isV6(newValue), lines.join("\n"), options);
        }
        return previousPolicy === undefined || !hasPolicy ? {} : { previousPolicy };
      }),

    async delete({ value, metadata }, options) {
      const policy = value.defaultPolicy === Policy.NONE ? undefined : (metadata?.previousPolicy ?? "ACCEPT");
      try {
        await context.namespaces.borrow(value.namespace, { ...options, create: false }, (namespace) =>
          iptables.restore(namespace, isV6(value), renderRemoval(value, policy), options),
        );
      } catch (error) {
        // A namespace that is gone took its rules along, and without iptables there never were any.
        if (!isCodedError(error) || !["NOT_FOUND", "FAILED_PRECONDITION", "UNSUPPORTED"].includes(error.code))
          throw error;
      }
    },

    retrieve: (request, options) => retrieveRuleChains(context, iptables, mark, request, options),
  };

  async function apply(namespace: OpenNamespace, value: RuleChain, options: CallOptions): Promise<void> {
    try {
      await iptables.restore(namespace, isV6(value), renderChain(mark, value), options);
    } catch (error) {
      throw isCodedError(error) ? withRule(value, error) : error;
    }
  }

  async function policyBefore(
    namespace: OpenNamespace,
    value: RuleChain,
    options: CallOptions,
  ): Promise<string | undefined> {
    if (value.defaultPolicy === Policy.NONE) return undefined;
    const chains = parseSave(await iptables.save(namespace, isV6(value), options));
    return chains.get(`${tableOf(value)}/${chainOf(value)}`)?.policy;
  }
}

/** Says which rule iptables means by a line of its input. */
function withRule(value: RuleChain, error: CodedError): CodedError {
  const line = error.details.line;
  const index = value.rules.findIndex((_rule, i) => lineOfRule(value, i) === line);
  const where = index < 0 ? "" : ` field "rules[${index}]" is ${JSON.stringify(value.rules[index])}:`;
  return new CodedError(error.code, `${ruleChainTitle(value)}:${where} ${error.message}`, {
    cause: error.cause,
    retryable: error.retryable,
    details: error.details,
  });
}

function sameChain(old: RuleChain, wanted: RuleChain): boolean {
  return (
    chainPath(old) === chainPath(wanted) &&
    old.defaultPolicy === wanted.defaultPolicy &&
    old.rules.length === wanted.rules.length &&
    old.rules.every((rule, i) => rule === wanted.rules[i]) &&
    old.interfaces.length === wanted.interfaces.length &&
    old.interfaces.every((name, i) => name === wanted.interfaces[i])
  );
}

function dependencies(value: RuleChain): Dependency[] {
  const jumps = new Set(value.rules.flatMap((rule) => jumpsOf(ruleWords(rule) ?? [])));
  jumps.delete(chainOf(value));
  return [
    ...namespaceDependencies(value.namespace),
    ...[...new Set(value.interfaces)].map((name) => ({ label: `interface ${name}`, key: interfaceKey(name) })),
    ...[...jumps].map((chain) => ({
      label: `rule chain ${chain} of table ${tableOf(value)}`,
      key: `${chainPrefix}${chainPath(value, chain)}`,
    })),
  ];
}

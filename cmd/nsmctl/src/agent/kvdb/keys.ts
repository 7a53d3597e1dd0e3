import { CodedError } from "@nsmkit/core";

/** Start of every key of agents (cn-infra servicelabel). */
export const agentsPrefix = "/vnf-agent/";

/**
 * The whole key of a whole or a short one.
 * @param label asked for short keys only
 */
export function wholeKey(key: string, label: () => string): string {
  if (key.startsWith(agentsPrefix)) return key;
  if (key.startsWith("/"))
    throw new CodedError(
      "INVALID_ARGUMENT",
      `${JSON.stringify(key)} is no key of an agent; write ${agentsPrefix}<label>/..., or what follows the label`,
    );
  return `${agentsPrefix}${label()}/${key}`;
}

/** The whole prefix of a whole or a short one; short ones begin with the label. */
export function wholePrefix(prefix: string): string {
  return prefix.startsWith(agentsPrefix) ? prefix : `${agentsPrefix}${prefix.replace(/^\//, "")}`;
}

/** Label and rest of a whole key; undefined where it has not both. */
export function splitWhole(key: string): { readonly label: string; readonly key: string } | undefined {
  const [, label, rest] = /^\/vnf-agent\/([^/]+)\/(.+)$/s.exec(key) ?? [];
  return label === undefined || rest === undefined ? undefined : { label, key: rest };
}

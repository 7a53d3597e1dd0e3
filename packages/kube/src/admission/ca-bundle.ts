import { CodedError, isCodedError } from "@nsmkit/core";
import type { Client } from "../client/client.ts";
import type { Resource, UnknownObject } from "../object.ts";

type ConfigurationKind = "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration";

export const webhookConfigurations = (kind: ConfigurationKind): Resource => ({
  ...{ group: "admissionregistration.k8s.io", version: "v1", kind },
  plural: `${kind.toLowerCase()}s`,
  namespaced: false,
});

interface Hook {
  readonly name?: string;
  readonly clientConfig?: { readonly caBundle?: string; readonly [field: string]: unknown };
}

/** Others write the same object, such as an installer that applies its manifest again. */
const tries = 5;

/**
 * Writes the authority into every webhook of a configuration that somebody else made and applies: only `caBundle` is
 * ours. Needs get and patch of that one object.
 * @param at.webhooks names of the webhooks that are ours; default all
 * @param ca PEM
 * @returns whether something was written
 * @throws NOT_FOUND while there is no such configuration
 */
export async function patchCaBundle(
  client: Pick<Client, "get" | "mergePatch">,
  at: { readonly kind: ConfigurationKind; readonly name: string; readonly webhooks?: readonly string[] },
  ca: string,
  options: { readonly signal: AbortSignal; readonly fieldManager?: string },
): Promise<boolean> {
  const resource = webhookConfigurations(at.kind);
  const caBundle = Buffer.from(ca).toString("base64");
  const ours = (hook: Hook): boolean => at.webhooks?.includes(hook.name ?? "") ?? true;
  for (let attempt = 1; ; attempt++) {
    const live = await client.get<UnknownObject>(resource, { name: at.name }, options);
    const hooks = (live.webhooks ?? []) as readonly Hook[];
    const missing = at.webhooks?.filter((name) => !hooks.some((hook) => hook.name === name)) ?? [];
    if (missing.length > 0) {
      throw new CodedError("FAILED_PRECONDITION", `${at.kind} ${at.name} has no webhook ${missing.join(", ")}`);
    }
    if (hooks.every((hook) => !ours(hook) || hook.clientConfig?.caBundle === caBundle)) return false;
    const webhooks = hooks.map((hook) =>
      ours(hook) ? { ...hook, clientConfig: { ...hook.clientConfig, caBundle } } : hook,
    );
    // A merge patch takes the list as a whole, so it must be the one that was read.
    const { resourceVersion } = live.metadata;
    try {
      await client.mergePatch(resource, { name: at.name }, { metadata: { resourceVersion }, webhooks }, options);
      return true;
    } catch (error) {
      if (!isCodedError(error, "CONFLICT") || attempt >= tries) throw error;
    }
  }
}

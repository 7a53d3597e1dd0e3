import type { Client, UnknownObject } from "@nsmkit/kube";
import { kindNamed, nameOf } from "../inventory/kinds.ts";
import type { Pass } from "../reconcile/context.ts";

interface Webhooks {
  readonly webhooks?: readonly { readonly clientConfig?: { readonly service?: { readonly namespace?: string } } }[];
}

/**
 * Deletes webhook configurations that Pods of an older release made for themselves. They carry no mark of ours, so three
 * things must be true: the name that those Pods give, a Service in a namespace of this mesh, and no other one.
 */
export async function removeStaleWebhooks(
  pass: Pass,
  client: Pick<Client, "list" | "delete">,
  prefixes: readonly string[],
  namespaces: ReadonlySet<string>,
): Promise<void> {
  if (prefixes.length === 0) return;
  const kind = kindNamed("MutatingWebhookConfiguration");
  const { items } = await client.list<UnknownObject>(kind, { signal: pass.signal });
  for (const object of items) {
    const { name = "", uid } = object.metadata;
    const targets = ((object as Webhooks).webhooks ?? []).map((hook) => hook.clientConfig?.service?.namespace ?? "");
    const ofThisMesh = targets.length > 0 && targets.every((namespace) => namespaces.has(namespace));
    if (!ofThisMesh || !prefixes.some((prefix) => name.startsWith(prefix))) continue;
    await client.delete(kind, { name }, { signal: pass.signal, ...(uid === undefined ? {} : { uid }) });
    pass.did({ verb: "removed", object, because: "registered by Pods of an older release" });
    pass.logger.info("webhook configuration of an older release removed", { object: nameOf(object) });
  }
}

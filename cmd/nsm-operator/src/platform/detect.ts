/** What kind of cluster this is, as far as its API server tells. */
import type { KubeClient } from "@nsmkit/kube";
import { type ClusterFacts, type PodSecurityLevel, usualPrefixes } from "@nsmkit/mesh";
import { Look, textAt, textsOf, under } from "./ask.ts";
import { clusterPrefixes } from "./cluster-prefixes.ts";
import { distribution } from "./distribution.ts";
import { anyNode } from "./nodes.ts";

export interface Seen {
  readonly facts: ClusterFacts;
  /** What may not be read, as paths. */
  readonly forbidden: readonly string[];
}

/**
 * Reads /version, /apis, one node, what the distribution says of its network, and the namespaces that refuse privileged
 * Pods; all nodes only where nothing else tells the Pods' prefixes. What may not be read is left out: the NSM resource
 * can say it.
 */
export async function lookAtCluster(
  client: Pick<KubeClient, "raw">,
  options: { readonly signal: AbortSignal },
): Promise<Seen> {
  const look = new Look(client, options);
  const version = await look.ask("/version");
  const gitVersion = textAt(version, "gitVersion");
  const kubernetesMinor = Number.parseInt(textAt(version, "minor"), 10);
  const groups = new Set(textsOf(under(await look.ask("/apis"), "groups"), "name"));
  const found = distribution(gitVersion, groups, await anyNode(look));
  const kind = found?.value ?? "kubernetes";
  const { prefixes, family } = await clusterPrefixes(look, kind, groups, usualPrefixes[kind]);
  const sources = {
    ...(found && { kind: found.source }),
    ...(prefixes && { excludedPrefixes: prefixes.source }),
    ...(family && { ipFamily: family.source }),
  };
  const podSecurity = await strictNamespaces(look);
  const facts = {
    ...(found && { platform: found.value }),
    ...(prefixes && { excludedPrefixes: prefixes.value }),
    ...(family && { ipFamily: family.value }),
    ...(Number.isNaN(kubernetesMinor) ? {} : { kubernetesMinor }),
    ...(podSecurity.size > 0 && { podSecurity }),
    sources,
  };
  return { facts, forbidden: [...look.forbidden] };
}

const enforce = "pod-security.kubernetes.io/enforce";
const strict: readonly PodSecurityLevel[] = ["baseline", "restricted"];

async function strictNamespaces(look: Look): Promise<ReadonlyMap<string, PodSecurityLevel>> {
  const selector = encodeURIComponent(`${enforce} in (${strict.join(",")})`);
  const items = under(await look.ask(`/api/v1/namespaces?labelSelector=${selector}`), "items");
  return new Map(
    (Array.isArray(items) ? (items as readonly unknown[]) : []).flatMap((item) => {
      const level = strict.find((one) => one === under(item, "metadata", "labels", enforce));
      return level ? [[textAt(item, "metadata", "name"), level] as const] : [];
    }),
  );
}

/** What kind of cluster this is, as far as its API server tells. */
import type { KubeClient } from "@nsmkit/kube";
import { type ClusterFacts, type PodSecurityLevel, usualPrefixes } from "@nsmkit/mesh";
import { ask, textAt, textsOf, under } from "./ask.ts";
import { clusterPrefixes } from "./cluster-prefixes.ts";
import { distribution } from "./distribution.ts";
import { anyNode } from "./nodes.ts";

type Call = { readonly signal: AbortSignal };
type Reader = Pick<KubeClient, "raw">;

/**
 * Reads /version, /apis, one node, what the distribution says of its network, and the namespaces that refuse privileged
 * Pods; all nodes only where nothing else tells the Pods' prefixes. What may not be read is left out: the NSM resource
 * can say it.
 */
export async function clusterFacts(client: Reader, call: Call): Promise<ClusterFacts> {
  const version = await ask(client, "/version", call);
  const gitVersion = textAt(version.body, "gitVersion");
  const kubernetesMinor = Number.parseInt(textAt(version.body, "minor"), 10);
  const apis = await ask(client, "/apis", call);
  const groups = new Set(textsOf(under(apis.body, "groups"), "name"));
  const { node } = await anyNode(client, call);
  const found = distribution(gitVersion, groups, node);
  const kind = found?.value ?? "kubernetes";
  const { prefixes, family } = await clusterPrefixes(client, kind, groups, usualPrefixes[kind], call);
  const sources = {
    ...(found && { kind: found.source }),
    ...(prefixes && { excludedPrefixes: prefixes.source }),
    ...(family && { ipFamily: family.source }),
  };
  const podSecurity = await strictNamespaces(client, call);
  return {
    ...(found && { platform: found.value }),
    ...(prefixes && { excludedPrefixes: prefixes.value }),
    ...(family && { ipFamily: family.value }),
    ...(Number.isNaN(kubernetesMinor) ? {} : { kubernetesMinor }),
    ...(podSecurity.size > 0 && { podSecurity }),
    sources,
  };
}

const enforce = "pod-security.kubernetes.io/enforce";
const strict: readonly PodSecurityLevel[] = ["baseline", "restricted"];

async function strictNamespaces(client: Reader, call: Call): Promise<ReadonlyMap<string, PodSecurityLevel>> {
  const selector = encodeURIComponent(`${enforce} in (${strict.join(",")})`);
  const { body } = await ask(client, `/api/v1/namespaces?labelSelector=${selector}`, call);
  const items = under(body, "items");
  return new Map(
    (Array.isArray(items) ? (items as readonly unknown[]) : []).flatMap((item) => {
      const level = strict.find((one) => one === under(item, "metadata", "labels", enforce));
      return level ? [[textAt(item, "metadata", "name"), level] as const] : [];
    }),
  );
}

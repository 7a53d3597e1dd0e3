/** The prefixes of Pods and Services, from whoever knows them best. */
import type { IpFamily, PlatformKind } from "@nsmkit/mesh";
import { parse } from "yaml";
import { type Look, textAt, textsOf, under } from "./ask.ts";
import type { Found } from "./distribution.ts";
import { nodePrefixes } from "./nodes.ts";
import { formatPrefix, holds, type Prefix, parsePrefix } from "./prefixes.ts";

export interface ClusterPrefixes {
  readonly prefixes?: Found<readonly string[]>;
  readonly family?: Found<IpFamily>;
}

const parsed = (texts: readonly string[]): readonly Prefix[] => texts.flatMap((text) => parsePrefix(text.trim()) ?? []);

function told(pods: readonly Prefix[], services: readonly Prefix[], source: string): ClusterPrefixes {
  const all = [...pods, ...services];
  const family = pods[0]?.family ?? services[0]?.family;
  return {
    ...(all.length > 0 && { prefixes: { value: [...new Set(all.map(formatPrefix))].sort(), source } }),
    ...(family && { family: { value: family, source } }),
  };
}

/**
 * OpenShift's own network resource; kubeadm's ConfigMap; else the parts that nodes were given and the ranges of the
 * Service allocator (networking.k8s.io ServiceCIDR, Kubernetes 1.33, as v1beta1 since 1.31).
 * @param usual what a distribution has unless its administrator chose others: taken while all nodes lie within, since it
 * does not change with the nodes
 */
export async function clusterPrefixes(
  look: Look,
  kind: PlatformKind,
  groups: ReadonlySet<string>,
  usual: readonly string[],
): Promise<ClusterPrefixes> {
  if (kind === "openshift") {
    const body = await look.ask("/apis/config.openshift.io/v1/networks/cluster");
    const from = (part: string): ClusterPrefixes =>
      told(
        parsed(textsOf(under(body, part, "clusterNetwork"), "cidr")),
        parsed(textsOf(under(body, part, "serviceNetwork"))),
        `${part} of networks.config.openshift.io/cluster`,
      );
    // The status is what runs; before it is written, the spec is what is wanted.
    const running = from("status");
    const openshift = running.prefixes ? running : from("spec");
    if (openshift.prefixes) return openshift;
  }
  const kubeadm = await kubeadmPrefixes(look);
  if (kubeadm.prefixes) return kubeadm;
  return await foundPrefixes(look, groups, usual);
}

async function kubeadmPrefixes(look: Look): Promise<ClusterPrefixes> {
  const body = await look.ask("/api/v1/namespaces/kube-system/configmaps/kubeadm-config");
  const text = under(body, "data", "ClusterConfiguration");
  if (typeof text !== "string") return {};
  let networking: unknown;
  try {
    networking = under(parse(text), "networking");
  } catch {
    // Somebody wrote something else into it; the other ways are left.
    return {};
  }
  const of = (name: string): readonly Prefix[] =>
    parsed(textsOf(under(networking, name)).flatMap((list) => list.split(",")));
  return told(of("podSubnet"), of("serviceSubnet"), "ConfigMap kube-system/kubeadm-config");
}

async function foundPrefixes(
  look: Look,
  groups: ReadonlySet<string>,
  usual: readonly string[],
): Promise<ClusterPrefixes> {
  const pods = await nodePrefixes(look);
  const ranges = await serviceRanges(look, groups);
  const habits = parsed(usual);
  const within = habits.filter((habit) => pods.prefixes.some((prefix) => holds(habit, prefix)));
  const whole = pods.prefixes.filter((prefix) => !within.some((habit) => holds(habit, prefix)));
  const sources = [
    ...(within.length > 0 ? [`habit of the distribution, which holds podCIDRs of ${pods.nodes} nodes`] : []),
    ...(whole.length > 0 ? [`podCIDRs of ${pods.nodes} nodes`] : []),
    ...(ranges ? [ranges.source] : []),
  ];
  const nodes = `podCIDRs of ${pods.nodes} nodes`;
  const family = pods.family ?? ranges?.value[0]?.family;
  const byFamily = family && { family: { value: family, source: pods.family ? nodes : (ranges?.source ?? "") } };
  // Where there is a habit, half of the truth would hide the habit's other half.
  if (habits.length > 0 && (pods.prefixes.length === 0 || !ranges)) return byFamily ?? {};
  return { ...told([...within, ...whole], ranges?.value ?? [], sources.join(", ")), ...byFamily };
}

async function serviceRanges(look: Look, groups: ReadonlySet<string>): Promise<Found<readonly Prefix[]> | undefined> {
  if (!groups.has("networking.k8s.io")) return undefined;
  for (const version of ["v1", "v1beta1"]) {
    const body = await look.ask(`/apis/networking.k8s.io/${version}/servicecidrs`);
    const items = under(body, "items");
    const list = Array.isArray(items) ? (items as readonly unknown[]) : [];
    const value = list.flatMap((item) => parsed(textsOf(under(item, "spec", "cidrs"))));
    const names = list.map((item) => textAt(item, "metadata", "name")).join(", ");
    if (value.length > 0) return { value, source: `ServiceCIDR ${names}` };
  }
  return undefined;
}

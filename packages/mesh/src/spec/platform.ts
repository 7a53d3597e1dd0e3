import { isIP } from "node:net";
import type { Problem } from "../crd/nsm.ts";
import type { ClusterFacts, IpFamily, PlatformKind, PlatformSources, PlatformSpec } from "./mesh-spec.ts";

/** Where distributions keep the kubelet's folder; the others use Kubernetes' default. */
const kubeletRoots: Readonly<Record<PlatformKind, string>> = {
  kubernetes: "/var/lib/kubelet",
  openshift: "/var/lib/kubelet",
  k3s: "/var/lib/kubelet",
  microk8s: "/var/snap/microk8s/common/var/lib/kubelet",
  k0s: "/var/lib/k0s/kubelet",
};

/** Pod and Service prefixes that a distribution has unless its administrator chose others. None: kubeadm's ConfigMap tells. */
export const usualPrefixes: Readonly<Record<PlatformKind, readonly string[]>> = {
  kubernetes: [],
  openshift: ["10.128.0.0/14", "172.30.0.0/16"],
  k3s: ["10.42.0.0/16", "10.43.0.0/16"],
  microk8s: ["10.1.0.0/16", "10.152.183.0/24"],
  k0s: ["10.244.0.0/16", "10.96.0.0/12"],
};

interface Given {
  readonly kind?: PlatformKind;
  readonly kubeletRoot?: string;
  readonly excludedPrefixes?: readonly string[];
  readonly ipFamily?: IpFamily;
}

/** The document wins over what was detected, and that over the distribution's habits. */
export function platformSpec(given: Given = {}, facts: ClusterFacts = {}, problems: Problem[] = []): PlatformSpec {
  checkPrefixes(given.excludedPrefixes ?? [], problems);
  const kind = given.kind ?? facts.platform ?? "kubernetes";
  const root = given.kubeletRoot ?? facts.kubeletRoot ?? kubeletRoots[kind];
  const prefixes = given.excludedPrefixes ?? facts.excludedPrefixes ?? usualPrefixes[kind];
  const source = (name: keyof PlatformSources, found: unknown, otherwise: string): string => {
    const by = facts.sources?.[name] ?? "detected";
    if (given[name] === undefined) return found === undefined ? otherwise : by;
    const instead = found === undefined || String(found) === String(given[name]) ? "" : `, instead of ${found} (${by})`;
    return `spec.platform.${name}${instead}`;
  };
  const habit = `habit of ${kind}`;
  return {
    kind,
    kubeletRoot: root.length > 1 ? root.replace(/\/+$/, "") : root,
    matchConditions: (facts.kubernetesMinor ?? 28) >= 28,
    excludedPrefixes: [...new Set(prefixes)].sort(),
    ipFamily: given.ipFamily ?? facts.ipFamily ?? "IPv4",
    sources: {
      kind: source("kind", facts.platform, "no mark of another distribution"),
      kubeletRoot: source("kubeletRoot", facts.kubeletRoot, habit),
      excludedPrefixes: source(
        "excludedPrefixes",
        facts.excludedPrefixes,
        prefixes.length === 0 ? "kube-system/kubeadm-config, read by upstream's managers themselves" : habit,
      ),
      ipFamily: source("ipFamily", facts.ipFamily, "nothing told another"),
    },
  };
}

function checkPrefixes(prefixes: readonly string[], problems: Problem[]): void {
  for (const [i, prefix] of prefixes.entries()) {
    const [host = "", length = ""] = prefix.split("/");
    const version = isIP(host);
    if (version !== 0 && Number(length) <= (version === 4 ? 32 : 128)) continue;
    const field = `spec.platform.excludedPrefixes[${i}]`;
    const why = version === 0 ? `${host} is no IP address` : `an IPv${version} address has no ${length} bits`;
    problems.push({ field, message: `${field}: "${prefix}" is no prefix, as ${why}; write one like 10.244.0.0/16` });
  }
}

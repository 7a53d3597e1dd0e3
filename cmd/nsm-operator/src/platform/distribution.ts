import type { PlatformKind } from "@nsmkit/mesh";
import type { NodeMarks } from "./nodes.ts";

/** What was found, and by which mark. */
export interface Found<T> {
  readonly value: T;
  readonly source: string;
}

/** By marks that the distributions set: OpenShift's API groups, the build of a version ("v1.36.0+k3s1"), labels of nodes. */
export function distribution(
  gitVersion: string,
  groups: ReadonlySet<string>,
  node: NodeMarks | undefined,
): Found<PlatformKind> | undefined {
  for (const group of ["security.openshift.io", "config.openshift.io"]) {
    if (groups.has(group)) return { value: "openshift", source: `API group ${group}` };
  }
  const server = buildOf(gitVersion);
  if (server) return { value: server, source: `version ${gitVersion} of the API server` };
  const kubelet = buildOf(node?.kubeletVersion ?? "");
  if (node && kubelet) return { value: kubelet, source: `kubelet ${node.kubeletVersion} of node ${node.name}` };
  const label = node?.labels.find((one) => one === "microk8s.io/cluster" || one.startsWith("node.k0sproject.io/"));
  if (node && label !== undefined) {
    return { value: label.startsWith("microk8s") ? "microk8s" : "k0s", source: `label ${label} of node ${node.name}` };
  }
  return undefined;
}

function buildOf(version: string): "k3s" | "k0s" | undefined {
  const [, build] = /[+-](k3s|k0s)/.exec(version) ?? [];
  return build === "k3s" || build === "k0s" ? build : undefined;
}

import { CodedError } from "@nsmkit/core";
import { apiVersionOf, type KubeObject, type Resource, type UnknownObject } from "@nsmkit/kube";

/** When the objects of a kind go, earlier ones first. */
export const removalOrder = [
  /** First of all: a webhook configuration without its backend would stop Pods from being made. */
  "admission",
  "workloads",
  /** While their controllers' definitions still exist. */
  "customResources",
  "settings",
  "access",
  "definitions",
  "namespaces",
] as const;
export type RemovalStage = (typeof removalOrder)[number];

/** A kind of object that a mesh may consist of. */
export interface Kind extends Resource<UnknownObject> {
  readonly stage: RemovalStage;
  /** Served only after a CRD that we apply: watched from then on. */
  readonly custom?: true;
  /** Shared by everybody: one that somebody else made is used as it is and never removed. */
  readonly shared?: true;
}

const namespaced = (group: string, kind: string, plural: string, stage: RemovalStage, version = "v1"): Kind => ({
  ...{ group, version, kind, plural, stage },
  namespaced: true,
});
const clusterWide = (
  group: string,
  kind: string,
  plural: string,
  stage: RemovalStage,
  more: Partial<Kind> = {},
): Kind => ({
  ...{ group, version: "v1", kind, plural, stage },
  namespaced: false,
  ...more,
});

export const kinds: readonly Kind[] = [
  clusterWide(
    "admissionregistration.k8s.io",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    "admission",
  ),
  clusterWide(
    "admissionregistration.k8s.io",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    "admission",
  ),
  namespaced("apps", "Deployment", "deployments", "workloads"),
  namespaced("apps", "DaemonSet", "daemonsets", "workloads"),
  namespaced("apps", "StatefulSet", "statefulsets", "workloads"),
  namespaced("policy", "PodDisruptionBudget", "poddisruptionbudgets", "workloads"),
  clusterWide("spire.spiffe.io", "ClusterSPIFFEID", "clusterspiffeids", "customResources", {
    version: "v1alpha1",
    custom: true,
  }),
  namespaced("", "Service", "services", "settings"),
  namespaced("", "ConfigMap", "configmaps", "settings"),
  namespaced("", "Secret", "secrets", "settings"),
  namespaced("", "PersistentVolumeClaim", "persistentvolumeclaims", "settings"),
  clusterWide("storage.k8s.io", "CSIDriver", "csidrivers", "settings"),
  namespaced("rbac.authorization.k8s.io", "RoleBinding", "rolebindings", "access"),
  clusterWide("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", "access"),
  namespaced("rbac.authorization.k8s.io", "Role", "roles", "access"),
  clusterWide("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", "access"),
  namespaced("", "ServiceAccount", "serviceaccounts", "access"),
  clusterWide("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", "definitions", {
    shared: true,
  }),
  clusterWide("", "Namespace", "namespaces", "namespaces", { shared: true }),
];

const byType = new Map(kinds.map((kind) => [`${apiVersionOf(kind)} ${kind.kind}`, kind]));

/** @throws INTERNAL for a kind that the table lacks: what cannot be watched and removed must not be applied */
export function kindOf(object: KubeObject): Kind {
  const kind = byType.get(`${object.apiVersion} ${object.kind}`);
  if (!kind) throw new CodedError("INTERNAL", `${object.kind} ${object.apiVersion} is not among the kinds of a mesh`);
  return kind;
}

/** Kinds of what an operator needs for itself, beside the mesh. */
const definitionKinds: readonly Kind[] = [
  clusterWide(
    "admissionregistration.k8s.io",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    "definitions",
  ),
  clusterWide(
    "admissionregistration.k8s.io",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    "definitions",
  ),
];

export function definitionKindOf(object: KubeObject): Kind {
  return definitionKinds.find((kind) => kind.kind === object.kind) ?? kindOf(object);
}

export function kindNamed(name: string): Kind {
  const kind = kinds.find((one) => one.kind === name);
  if (!kind) throw new CodedError("INTERNAL", `${name} is not among the kinds of a mesh`);
  return kind;
}

/** "DaemonSet nsm-system/nsmgr": how people find it. */
export function nameOf(object: KubeObject): string {
  const { namespace, name = "" } = object.metadata;
  return `${object.kind} ${namespace ? `${namespace}/${name}` : name}`;
}

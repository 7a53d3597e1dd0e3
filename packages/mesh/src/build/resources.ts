import type { KubeObject, ResourceName } from "@nsmkit/kube";

/** Plural names that are not the kind's in lower case and an "s". */
const irregular: Readonly<Record<string, string>> = {
  NetworkPolicy: "networkpolicies",
  ValidatingAdmissionPolicy: "validatingadmissionpolicies",
  ClusterStaticEntry: "clusterstaticentries",
};

const clusterScoped: ReadonlySet<string> = new Set([
  "ClusterRole",
  "ClusterRoleBinding",
  "ClusterSPIFFEID",
  "CSIDriver",
  "CustomResourceDefinition",
  "MutatingWebhookConfiguration",
  "Namespace",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
  "ValidatingWebhookConfiguration",
]);

/** How the API addresses the kind of an object that the builders make. */
export function resourceOf({ apiVersion, kind }: Pick<KubeObject, "apiVersion" | "kind">): ResourceName {
  const [group = "", version = ""] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  return {
    group,
    version,
    kind,
    plural: irregular[kind] ?? `${kind.toLowerCase()}s`,
    namespaced: !clusterScoped.has(kind),
  };
}

/** Every kind that a mesh can consist of: what an operator watches and prunes. */
export const meshResources: readonly ResourceName[] = [
  ["v1", "Namespace"],
  ["apiextensions.k8s.io/v1", "CustomResourceDefinition"],
  ["v1", "ServiceAccount"],
  ["rbac.authorization.k8s.io/v1", "ClusterRole"],
  ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding"],
  ["rbac.authorization.k8s.io/v1", "Role"],
  ["rbac.authorization.k8s.io/v1", "RoleBinding"],
  ["v1", "ConfigMap"],
  ["v1", "Secret"],
  ["v1", "Service"],
  ["apps/v1", "StatefulSet"],
  ["apps/v1", "DaemonSet"],
  ["apps/v1", "Deployment"],
  ["policy/v1", "PodDisruptionBudget"],
  ["storage.k8s.io/v1", "CSIDriver"],
  ["spire.spiffe.io/v1alpha1", "ClusterSPIFFEID"],
  ["admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"],
  ["admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"],
].map(([apiVersion = "", kind = ""]) => resourceOf({ apiVersion, kind }));

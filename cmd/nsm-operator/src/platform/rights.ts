import type { Rule } from "@nsmkit/mesh";

/** What looking at the cluster reads. Without one of these, less is known and the NSM resource can say it. */
export const platformRules: readonly Rule[] = [
  { apiGroups: [""], resources: ["nodes", "namespaces"], verbs: ["list"] },
  { apiGroups: [""], resources: ["configmaps"], resourceNames: ["kubeadm-config"], verbs: ["get"] },
  { apiGroups: ["networking.k8s.io"], resources: ["servicecidrs"], verbs: ["list"] },
  { apiGroups: ["config.openshift.io"], resources: ["networks"], resourceNames: ["cluster"], verbs: ["get"] },
];

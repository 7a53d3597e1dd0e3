import type { ConfigOf, SettingsSpec } from "@nsmkit/core/config";

export const name = "cnf-crd";
export const description = "Reflects CNFConfiguration resources into etcd for the agents, and the agents' states back.";

export const settings = {
  etcdConfig: {
    env: "ETCD_CONFIG",
    type: "path",
    default: "etcd.conf",
    text: "File with the endpoints and credentials of etcd, as the agents read it.",
  },
  kubeconfig: {
    env: "KUBE_CONFIG",
    type: "path",
    text: "Where the API server is, when this runs outside a cluster. Default: the Pod's service account.",
  },
} as const satisfies SettingsSpec;

export type CnfCrdConfig = ConfigOf<typeof settings>;

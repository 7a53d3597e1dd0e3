import { readUnknownModels } from "@nsmkit/agent/cnf-configuration";
import { messageOf } from "@nsmkit/core";
import { type ConfigOf, parseListenAddress, type SettingsSpec, ValueError } from "@nsmkit/core/config";
import { checkWebhookUrl, clusterSettings } from "@nsmkit/kube/settings";

export const name = "cnf-crd";
export const description = "Reflects CNFConfiguration resources into etcd for the agents, and the agents' states back.";

function checkListen(text: string): void {
  parseListenAddress(text);
}

function checkModels(list: readonly string[]): void {
  try {
    readUnknownModels(list.join(","));
  } catch (error) {
    throw new ValueError(messageOf(error), "name models that no program here knows");
  }
}

export const settings = {
  etcdConfig: {
    env: "ETCD_CONFIG",
    type: "string",
    default: "etcd.conf",
    text: "File with the endpoints and credentials of etcd, as the agents read it.",
  },
  configDir: {
    env: "CONFIG_DIR",
    type: "string",
    default: ".",
    text: "Directory in which etcd.conf is looked for when it is not found as given.",
  },
  ...clusterSettings,
  kubeconfig: {
    env: "KUBE_CONFIG",
    aliases: ["KUBECONFIG"],
    type: "string",
    text: "Where the API server is, when this runs outside a cluster. Default: /etc/kubernetes/admin.conf where that exists, else the Pod's service account.",
  },
  podName: {
    env: "POD_NAME",
    type: "string",
    default: "cnf-crd",
    text: "Name of this Pod; part of the identity in the leader election and in events.",
  },
  namespace: {
    env: "POD_NAMESPACE",
    type: "string",
    text: "Namespace of this Pod, where Lease and certificates are kept. Default: that of the service account.",
  },
  unknownModels: {
    env: "CNF_CRD_UNKNOWN_MODELS",
    type: "list",
    default: "",
    empty: "only those that the resource's annotation names.",
    check: checkModels,
    text: "Models that this program does not know and whose items it takes over unread: module/type, module/* or * for all.",
  },
  verbose: {
    env: "VERBOSE",
    type: "boolean",
    default: "false",
    text: "The first controller's switch: the same as NSM_LOG_LEVEL=DEBUG.",
  },
  listenOn: {
    env: "CNF_CRD_LISTEN_ON",
    type: "string",
    default: ":8080",
    check: checkListen,
    text: "Where /healthz, /readyz and /metrics are served, host:port.",
  },
  webhookListenOn: {
    env: "CNF_CRD_WEBHOOK_LISTEN_ON",
    type: "string",
    default: ":9443",
    check: checkListen,
    text: "Where the API server asks whether a CNFConfiguration is right, host:port.",
  },
  webhookUrl: {
    env: "CNF_CRD_WEBHOOK_URL",
    type: "string",
    check: checkWebhookUrl,
    text: "Where the API server reaches this program's webhook when no Service leads to it: https://host:port/validate.",
  },
} as const satisfies SettingsSpec;

export type CnfCrdConfig = ConfigOf<typeof settings>;

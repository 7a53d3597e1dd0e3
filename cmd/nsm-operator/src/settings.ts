import { type ConfigOf, parseListenAddress, type SettingsSpec } from "@nsmkit/core/config";
import { checkWebhookUrl, clusterSettings } from "@nsmkit/kube/settings";

export const name = "nsm-operator";
export const description = "Runs a network service mesh on Kubernetes as an NSM resource declares it.";

function checkPort(text: string): void {
  parseListenAddress(text);
}

export const settings = {
  watchNamespaces: {
    env: "WATCH_NAMESPACE",
    type: "list",
    default: "",
    empty: "all namespaces.",
    text: "Namespaces whose NSM resources are served: one, a comma list, or none for all.",
  },
  podName: {
    env: "POD_NAME",
    type: "string",
    default: "nsm-operator",
    text: "Name of this Pod; part of the identity in the leader election and in events.",
  },
  operatorName: {
    env: "OPERATOR_NAME",
    type: "string",
    default: "nsm-operator",
    text: "Name of this operator: of its Lease, its Service and, as label name=…, of its Pods.",
  },
  operatorNamespace: {
    env: "POD_NAMESPACE",
    type: "string",
    text: "Namespace of this Pod, where Lease and certificates are kept. Default: that of the service account.",
  },
  ...clusterSettings,
  listenOn: {
    env: "NSM_OPERATOR_LISTEN_ON",
    type: "string",
    default: ":8080",
    check: checkPort,
    text: "Where /healthz, /readyz and /metrics are served, host:port.",
  },
  webhookListenOn: {
    env: "NSM_OPERATOR_WEBHOOK_LISTEN_ON",
    type: "string",
    default: ":9443",
    check: checkPort,
    text: "Where the API server asks whether an NSM resource is right, host:port.",
  },
  webhookUrl: {
    env: "NSM_OPERATOR_WEBHOOK_URL",
    type: "string",
    check: checkWebhookUrl,
    text: "Where the API server reaches this operator's webhook when no Service leads to it: https://host:port/validate.",
  },
  progressDeadlineMs: {
    env: "NSM_OPERATOR_PROGRESS_DEADLINE",
    type: "duration",
    default: "10m",
    min: 1_000,
    text: "How long a component may take to become available before the mesh is degraded and an upgrade is rolled back.",
  },
} as const satisfies SettingsSpec;

export type OperatorConfig = ConfigOf<typeof settings>;

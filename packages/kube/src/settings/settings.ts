import { type SettingsSpec, ValueError } from "@nsmkit/core/config";

/** How a program finds the API server. */
export const clusterSettings = {
  kubeconfig: {
    env: "KUBECONFIG",
    type: "path",
    text: "Where the API server is, when this runs outside a cluster. Default: the Pod's service account.",
  },
  kubernetesHost: {
    env: "KUBERNETES_SERVICE_HOST",
    type: "string",
    text: "The API server as Kubernetes tells every Pod.",
  },
  kubernetesPort: {
    env: "KUBERNETES_SERVICE_PORT",
    type: "string",
    text: "Port of the API server as Kubernetes tells every Pod.",
  },
} as const satisfies SettingsSpec;

/** For settings that name a webhook by its URL, where no Service leads to it. @throws ValueError */
export function checkWebhookUrl(text: string): void {
  if (!URL.canParse(text) || new URL(text).protocol !== "https:")
    throw new ValueError("not an HTTPS URL", "write https://host:port/validate");
}

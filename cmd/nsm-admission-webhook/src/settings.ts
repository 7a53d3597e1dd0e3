import { type ConfigOf, parseListenAddress, type SettingsSpec, ValueError } from "@nsmkit/core/config";
import { clusterSettings } from "@nsmkit/kube/settings";
import { metricsSettings } from "@nsmkit/sdk/metrics";
import { upstreamOnly } from "@nsmkit/sdk/settings";

export const name = "nsm-admission-webhook";
export const description = "Adds the client of network services to Pods that ask for them with an annotation.";

/** Quantities as Kubernetes writes them: 80Mi, 200m, 1.5. */
function checkQuantity(text: string): void {
  if (!/^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.test(text))
    throw new ValueError("not a quantity of Kubernetes", "write one like 80Mi or 200m");
}

/** A name of an environment variable, "=" and its value. */
export function parseVariable(text: string): { readonly name: string; readonly value: string } {
  const [, variable, value] = /^([A-Za-z_.-][A-Za-z0-9_.-]*)=(.*)$/s.exec(text) ?? [];
  if (variable === undefined || value === undefined)
    throw new ValueError(`"${text}" is no variable with its value`, "write NAME=value, separated by commas");
  return { name: variable, value };
}

export const settings = {
  certFile: {
    env: "NSM_CERT_FILE_PATH",
    type: "path",
    required: true,
    text: "Certificate chain of the HTTPS server (PEM). Read again when it changes.",
  },
  keyFile: {
    env: "NSM_KEY_FILE_PATH",
    type: "path",
    required: true,
    text: "Private key of the HTTPS server (PEM).",
  },
  listenOn: {
    env: "NSM_LISTEN_ON",
    type: "string",
    default: ":443",
    check: (text: string) => void parseListenAddress(text),
    text: "Where the API server asks (`/mutate`) and the kubelet probes (`/ready`), host:port.",
  },
  annotation: {
    env: "NSM_ANNOTATION",
    type: "string",
    default: "networkservicemesh.io",
    text: "Annotation of a Pod, a workload or a namespace that asks for network services.",
  },
  containerImages: {
    env: "NSM_CONTAINER_IMAGES",
    type: "list",
    required: true,
    text: "Images of the clients that a Pod gets as containers.",
  },
  containerCommand: {
    env: "NSM_CONTAINER_COMMAND",
    type: "list",
    default: "",
    empty: "the images' own.",
    text: "Command of these containers, and its first word their name; for an image that holds several programs.",
  },
  initContainerImages: {
    env: "NSM_INIT_CONTAINER_IMAGES",
    type: "list",
    default: "",
    empty: "none.",
    text: "Images of clients that run before the Pod's own containers.",
  },
  servicesVariable: {
    env: "NSM_NSURL_ENV_NAME",
    type: "string",
    default: "NSM_NETWORK_SERVICES",
    text: "Variable in which the clients get the annotation's value.",
  },
  envs: {
    env: "NSM_ENVS",
    type: "list",
    default: "",
    empty: "none.",
    check: (variables: readonly string[]) => variables.forEach((text) => void parseVariable(text)),
    text: "Further variables of the clients, NAME=value. SPIFFE_ENDPOINT_SOCKET gives them the socket's folder too.",
  },
  labels: {
    env: "NSM_LABELS",
    type: "map",
    default: "",
    empty: "none.",
    text: "Labels that a Pod gets with its clients, key:value.",
  },
  limitsMemory: {
    env: "NSM_SIDECAR_LIMITS_MEMORY",
    type: "string",
    default: "80Mi",
    check: checkQuantity,
    text: "Memory limit of each client.",
  },
  limitsCpu: {
    env: "NSM_SIDECAR_LIMITS_CPU",
    type: "string",
    default: "200m",
    check: checkQuantity,
    text: "CPU limit of each client.",
  },
  requestsMemory: {
    env: "NSM_SIDECAR_REQUESTS_MEMORY",
    type: "string",
    default: "40Mi",
    check: checkQuantity,
    text: "Memory request of each client.",
  },
  requestsCpu: {
    env: "NSM_SIDECAR_REQUESTS_CPU",
    type: "string",
    default: "100m",
    check: checkQuantity,
    text: "CPU request of each client.",
  },
  ...clusterSettings,
  ...metricsSettings,
} as const satisfies SettingsSpec;

/** For upstream's, which registers itself; ours is registered by who deploys it. */
export const unused: readonly string[] = [
  ...upstreamOnly,
  "NSM_NAME",
  "NSM_SERVICE_NAME",
  "NSM_NAMESPACE",
  "NSM_WEBHOOK_MODE",
  "NSM_CA_BUNDLE_FILE_PATH",
  "NSM_KUBELET_QPS",
];

export type WebhookConfig = ConfigOf<typeof settings>;

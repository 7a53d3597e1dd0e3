import type { ConfigOf, SettingsSpec } from "@nsmkit/core/config";
import { clusterSettings } from "@nsmkit/kube/settings";
import { metricsSettings } from "@nsmkit/sdk/metrics";
import { meshSettings, upstreamOnly } from "@nsmkit/sdk/settings";

export const name = "nsm-registry";
export const description =
  "The registry of network services and their endpoints, kept in memory or in Kubernetes objects.";

export const settings = {
  listenOn: {
    env: "NSM_LISTEN_ON",
    type: "urls",
    default: "unix:///listen.on.socket",
    text: "Where to listen.",
  },
  expirePeriodMs: {
    env: "NSM_EXPIRE_PERIOD",
    type: "duration",
    default: "1m",
    min: 1_000,
    text: "Longest time that an endpoint stays registered without a refresh.",
  },
  store: {
    env: "NSM_REGISTRY_STORE",
    type: "enum",
    values: ["memory", "k8s"],
    default: "memory",
    text: "Where entries are kept: in memory of one process, or in networkservicemesh.io/v1 objects that any number of replicas share.",
  },
  namespace: {
    env: "NSM_NAMESPACE",
    type: "string",
    default: "default",
    text: "Where the store k8s writes; it reads all namespaces.",
  },
  ...clusterSettings,
  proxyRegistryUrl: {
    env: "NSM_PROXY_REGISTRY_URL",
    type: "url",
    text: "Registry for names of other domains, name@domain. Without it they are refused.",
  },
  ...metricsSettings,
  ...meshSettings,
} as const satisfies SettingsSpec;

/** Upstream throttles its requests to the API server, of which it makes one for each Find. */
export const unused: readonly string[] = [...upstreamOnly, "NSM_KUBELET_QPS"];

export type RegistryConfig = ConfigOf<typeof settings>;

import type { ConfigOf, SettingsSpec } from "@nsmkit/core/config";
import { metricsSettings } from "@nsmkit/sdk/metrics";
import { meshSettings, upstreamOnly } from "@nsmkit/sdk/settings";

export const name = "nsm-registry";
export const description = "The registry of network services and their endpoints, kept in memory.";

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
  proxyRegistryUrl: {
    env: "NSM_PROXY_REGISTRY_URL",
    type: "url",
    text: "Registry for names of other domains, name@domain. Without it they are refused.",
  },
  ...metricsSettings,
  ...meshSettings,
} as const satisfies SettingsSpec;

export const unused: readonly string[] = upstreamOnly;

export type RegistryConfig = ConfigOf<typeof settings>;

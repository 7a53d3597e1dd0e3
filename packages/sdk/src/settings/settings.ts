import type { SettingsSpec } from "@nsmkit/core/config";

/** Settings that every program of the mesh has, with upstream's names and defaults. */
export const meshSettings = {
  spiffeEndpointSocket: {
    env: "SPIFFE_ENDPOINT_SOCKET",
    type: "url",
    schemes: ["unix", "tcp"],
    text: "Workload API that gives this program its identity. Without it the program runs insecurely: no TLS, unsigned tokens.",
  },
  maxTokenLifetimeMs: {
    env: "NSM_MAX_TOKEN_LIFETIME",
    type: "duration",
    default: "10m",
    min: 1_000,
    text: "Longest life of the tokens that this program makes; connections are refreshed at a part of it.",
  },
} as const satisfies SettingsSpec;

/** Where a program runs; becomes the labels nodeName, podName and clusterName. */
export const placeSettings = {
  nodeName: { env: "NODE_NAME", type: "string", text: "Name of the node; becomes the label nodeName." },
  podName: { env: "POD_NAME", type: "string", text: "Name of the Pod; becomes the label podName." },
  clusterName: { env: "CLUSTER_NAME", type: "string", text: "Name of the cluster; becomes the label clusterName." },
} as const satisfies SettingsSpec;

/** Upstream's settings that no program here has a use for; its manifests set them. */
export const upstreamOnly: readonly string[] = [
  "NSM_OPEN_TELEMETRY_ENDPOINT",
  "NSM_METRICS_EXPORT_INTERVAL",
  "NSM_PPROF_ENABLED",
  "NSM_PPROF_LISTEN_ON",
  "NSM_REGISTRY_SERVER_POLICIES",
  "NSM_REGISTRY_CLIENT_POLICIES",
  "TELEMETRY",
];

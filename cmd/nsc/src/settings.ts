import type { ConfigOf, SettingsSpec } from "@nsmkit/core/config";
import { meshSettings, placeSettings, upstreamOnly } from "@nsmkit/sdk/settings";
import { parseServices } from "./services.ts";

export const name = "nsc";
export const description = "The client that an application's Pod gets beside it: connects the Pod to network services.";

export const settings = {
  name: {
    env: "NSM_NAME",
    type: "string",
    default: "nsc",
    text: "Name of this client, unique on its node: a client that starts again under its name takes its connections over.",
  },
  connectTo: {
    env: "NSM_CONNECT_TO",
    type: "url",
    default: "unix:///var/lib/networkservicemesh/nsm.io.sock",
    text: "The manager of this node.",
  },
  networkServices: {
    env: "NSM_NETWORK_SERVICES",
    type: "list",
    required: true,
    check: (urls) => void parseServices(urls, "kernel"),
    text: "What to connect to: `kernel://service[@domain]/interface?label=value`, separated by commas, as in the annotation `networkservicemesh.io` of a Pod.",
  },
  mechanism: {
    env: "NSM_MECHANISM",
    type: "enum",
    values: ["kernel", "memif", "vfio"],
    default: "kernel",
    text: "Mechanism of services that are written without one.",
  },
  labels: {
    env: "NSM_LABELS",
    type: "map",
    text: "Labels of every connection; those of a service's URL win.",
  },
  dialTimeoutMs: {
    env: "NSM_DIAL_TIMEOUT",
    type: "duration",
    default: "5s",
    min: 1,
    text: "Bound of one attempt to reach the manager.",
  },
  requestTimeoutMs: {
    env: "NSM_REQUEST_TIMEOUT",
    type: "duration",
    default: "15s",
    min: 1,
    text: "Bound of one attempt to connect. Attempts are repeated until one succeeds.",
  },
  livenessCheckEnabled: {
    env: "NSM_LIVENESS_CHECK_ENABLED",
    type: "boolean",
    default: "true",
    text: "Ping the other end of kernel connections and heal those that do not answer.",
  },
  livenessCheckIntervalMs: {
    env: "NSM_LIVENESS_CHECK_INTERVAL",
    type: "duration",
    default: "200ms",
    min: 10,
    text: "From one check to the next.",
  },
  livenessCheckTimeoutMs: {
    env: "NSM_LIVENESS_CHECK_TIMEOUT",
    type: "duration",
    default: "1s",
    min: 10,
    text: "Within this time one of four echo requests must be answered.",
  },
  readyFile: {
    env: "NSM_READY_FILE",
    type: "path",
    text: "File that exists while all connections are up, for a readiness probe or a start script.",
  },
  ...placeSettings,
  ...meshSettings,
} as const satisfies SettingsSpec;

export const unused: readonly string[] = [
  ...upstreamOnly,
  "NSM_AWARENESS_GROUPS",
  "NSM_LOCAL_DNS_SERVER_ENABLED",
  "NSM_LOCAL_DNS_SERVER_ADDRESS",
];

export type NscConfig = ConfigOf<typeof settings>;

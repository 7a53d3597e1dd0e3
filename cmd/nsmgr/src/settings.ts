import type { ConfigOf, SettingsSpec } from "@nsmkit/core/config";
import { metricsSettings } from "@nsmkit/sdk/metrics";
import { meshSettings, placeSettings, upstreamOnly } from "@nsmkit/sdk/settings";

export const name = "nsmgr";
export const description =
  "The manager of one node: its clients, endpoints and forwarders connect here, and other nodes' managers do.";

export const settings = {
  name: {
    env: "NSM_NAME",
    type: "string",
    default: "nmgr",
    text: "Name of this manager in the paths of connections; the name of its Pod in a cluster.",
  },
  listenOn: {
    env: "NSM_LISTEN_ON",
    type: "urls",
    default: "unix:///var/lib/networkservicemesh/nsm.io.sock",
    text: "Where to listen. The first tcp:// URL is the one that other nodes are told; without a host it gets this node's first IPv4 address.",
  },
  registryUrl: {
    env: "NSM_REGISTRY_URL",
    type: "url",
    default: "tcp://localhost:5001",
    empty: "no registry behind; the entries of this node are kept in memory.",
    text: "The registry of the mesh.",
  },
  dialTimeoutMs: {
    env: "NSM_DIAL_TIMEOUT",
    type: "duration",
    default: "750ms",
    min: 1,
    text: "Bound of one attempt to connect to a registry or forwarder.",
  },
  forwarderServiceName: {
    env: "NSM_FORWARDER_NETWORK_SERVICE_NAME",
    type: "string",
    default: "forwarder",
    text: "Network service that forwarders register.",
  },
  excludedPrefixesFile: {
    env: "NSM_EXCLUDED_PREFIXES_FILE",
    type: "path",
    default: "/var/lib/networkservicemesh/config/excluded_prefixes.yaml",
    text: "YAML with a list `prefixes` that endpoints must not hand out. Read again when it changes; it may be missing.",
  },
  discoveryWaitMs: {
    env: "NSM_DISCOVERY_WAIT",
    type: "duration",
    default: "3s",
    text: "How long a request waits for a service or a forwarder that has not registered yet.",
  },
  ...placeSettings,
  ...metricsSettings,
  ...meshSettings,
} as const satisfies SettingsSpec;

export const unused: readonly string[] = upstreamOnly;

export type NsmgrConfig = ConfigOf<typeof settings>;

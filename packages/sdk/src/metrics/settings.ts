import { parseListenAddress, type SettingsSpec } from "@nsmkit/core/config";

/** Names of upstream's forwarders; other programs of the mesh have none of their own. */
export const metricsSettings = {
  prometheus: {
    env: "PROMETHEUS",
    type: "boolean",
    default: "false",
    text: "Serve figures for Prometheus at /metrics.",
  },
  prometheusListenOn: {
    env: "NSM_PROMETHEUS_LISTEN_ON",
    aliases: ["PROMETHEUS_LISTEN_ON"],
    type: "string",
    default: ":8081",
    check: (value: string) => void parseListenAddress(value),
    text: "Address and TCP port of /metrics, such as 127.0.0.1:8081; without an address all.",
  },
} as const satisfies SettingsSpec;

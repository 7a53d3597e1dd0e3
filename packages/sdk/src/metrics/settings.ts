import { isIP } from "node:net";
import { type SettingsSpec, ValueError } from "@nsmkit/core/config";

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
    check: (value: string) => void parseAddress(value),
    text: "Address and TCP port of /metrics, such as 127.0.0.1:8081; without an address all.",
  },
} as const satisfies SettingsSpec;

/** `host:port`, `:port` or `[v6]:port`. @throws ValueError */
export function parseAddress(text: string): { readonly host?: string; readonly port: number } {
  const [, bracketed, plain = "", port = ""] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (port === "" || Number(port) > 65_535 || (host !== "" && isIP(host) === 0))
    throw new ValueError("no address and port", "write them like :8081, 127.0.0.1:8081 or [::1]:8081");
  return { port: Number(port), ...(host !== "" && { host }) };
}

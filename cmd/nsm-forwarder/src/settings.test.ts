import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { settings } from "./settings.ts";

test("the defaults are upstream's", () => {
  const { name, labels, serviceName, connectTo, listenOn, dialTimeoutMs, vxlanPort, prometheus, prometheusListenOn } =
    parseConfig(settings, {});
  assert.deepEqual(
    { name, labels, serviceName, connectTo, listenOn, dialTimeoutMs, vxlanPort, prometheus, prometheusListenOn },
    {
      name: "forwarder",
      labels: { p2p: "true" },
      serviceName: "forwarder",
      connectTo: "unix:///connect.to.socket",
      listenOn: "unix:///listen.on.socket",
      dialTimeoutMs: 750,
      vxlanPort: 0,
      prometheus: false,
      prometheusListenOn: ":8081",
    },
  );
});

for (const [env, problem] of [
  [{ NSM_TUNNEL_IP: "node-1" }, /NSM_TUNNEL_IP="node-1": no IP address/],
  [{ NSM_VXLAN_PORT: "65536" }, /NSM_VXLAN_PORT="65536"/],
  [{ NSM_LISTEN_ON: "tcp://:5000" }, /NSM_LISTEN_ON/],
  [{ NSM_PROMETHEUS_LISTEN_ON: "8081" }, /NSM_PROMETHEUS_LISTEN_ON="8081": no address to listen on/],
  [{ PROMETHEUS_METRICS_PREFIX: "1-nsm" }, /PROMETHEUS_METRICS_PREFIX/],
] as const)
  test(`${JSON.stringify(env)} is refused by name`, () => {
    assert.throws(() => parseConfig(settings, env), { code: "INVALID_CONFIG", message: problem });
  });

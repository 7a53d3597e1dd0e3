import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { parseListenOn, settings } from "./settings.ts";

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
  [{ NSM_PROMETHEUS_LISTEN_ON: "8081" }, /NSM_PROMETHEUS_LISTEN_ON="8081": no address and port/],
  [{ PROMETHEUS_METRICS_PREFIX: "1-nsm" }, /PROMETHEUS_METRICS_PREFIX/],
] as const)
  test(`${JSON.stringify(env)} is refused by name`, () => {
    assert.throws(() => parseConfig(settings, env), { code: "INVALID_CONFIG", message: problem });
  });

test("an address for metrics has a port, and a host that is an address", () => {
  assert.deepEqual(parseListenOn(":8081"), { port: 8081 });
  assert.deepEqual(parseListenOn("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
  assert.deepEqual(parseListenOn("[::1]:80"), { host: "::1", port: 80 });
  for (const text of ["", ":", "8081", "localhost:80", "::1:80", ":65536", "[::1]", "1.2.3.4:x"])
    assert.throws(() => parseListenOn(text), /no address and port/, text);
});

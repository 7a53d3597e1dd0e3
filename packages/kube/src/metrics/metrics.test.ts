import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Registry } from "prom-client";
import { KubeClient } from "../client/client.ts";
import { configMaps } from "../testing/client-cases.ts";
import { KubeMetrics } from "./metrics.ts";

test("answers are counted by method and code, and no answer as an error", async () => {
  const server = createServer((_, response) => response.writeHead(404).end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registry = new Registry();
  const metrics = new KubeMetrics(registry);
  const config = {
    server: `http://${host}`,
    tls: { insecureSkipVerify: false },
    namespace: "default",
    authorization: async () => undefined,
  };
  await using client = new KubeClient(config, { onAnswer: metrics.answered(config.server) });
  await assert.rejects(client.get(configMaps, { namespace: "default", name: "a" }), { code: "NOT_FOUND" });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(client.get(configMaps, { namespace: "default", name: "a" }), { code: "UNAVAILABLE" });
  const text = await registry.getSingleMetricAsString("rest_client_requests_total");
  const times = await registry.getSingleMetricAsString("rest_client_request_duration_seconds");
  assert.ok(times.includes(`rest_client_request_duration_seconds_count{verb="GET",host="${host}"} 5`), times);
  // What only reads is tried four times.
  for (const [code, count] of [
    ["404", 1],
    ["<error>", 4],
  ]) {
    assert.ok(text.includes(`rest_client_requests_total{method="GET",code="${code}",host="${host}"} ${count}`), text);
  }
});

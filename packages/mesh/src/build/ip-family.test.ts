/** Clusters whose Pods have addresses of IPv6, and of both families: only the first one decides. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { container, env, legacy, meshOf, object, own, upstream } from "../testing/documents.ts";
import { releases } from "../versions/releases.ts";
import { isAtLeast } from "../versions/semver.ts";
import type { Mesh } from "./phase.ts";

const listen = (mesh: Mesh): string | undefined =>
  env(container(mesh, "nsmgr")).NSM_LISTEN_ON?.replace("unix:///var/lib/networkservicemesh/nsm.io.sock,", "");
const on = (ipFamily: string): object => ({ platform: { ipFamily } });

for (const version of releases) {
  test(`the manager of ${version} is told an address that is one in both families`, () => {
    const [v4, v6] = ["IPv4", "IPv6"].map((family) => listen(meshOf(upstream(on(family), version))));
    if (!isAtLeast(version, "v1.7.0")) assert.deepEqual([v4, v6], ["tcp://:5001", "tcp://:5001"]);
    else if (!isAtLeast(version, "v1.16.0")) {
      // Go took brackets around an address of IPv4 too, until 1.25.2.
      assert.deepEqual([v4, v6], ["tcp://[$(POD_IP)]:5001", "tcp://[$(POD_IP)]:5001"]);
    } else assert.deepEqual([v4, v6], ["tcp://$(POD_IP):5001", "tcp://[$(POD_IP)]:5001"]);
  });
}

test("so is our own manager", () => {
  assert.equal(listen(meshOf(own(on("IPv4")))), "tcp://$(POD_IP):5001");
  assert.equal(listen(meshOf(own(on("IPv6")))), "tcp://[$(POD_IP)]:5001");
});

test("what the operator finds out decides where the document is silent, and the document wins", () => {
  assert.equal(listen(meshOf(upstream(), { ipFamily: "IPv6" })), "tcp://[$(POD_IP)]:5001");
  assert.equal(listen(meshOf(upstream(on("IPv4")), { ipFamily: "IPv6" })), "tcp://$(POD_IP):5001");
  assert.equal(listen(meshOf(upstream())), "tcp://$(POD_IP):5001");
});

test("SPIRE and the collector listen on all addresses of the family, IPv4 beside IPv6 where there are both", () => {
  const texts = (mesh: Mesh): string[] =>
    [
      ["spire-server", "server.conf"],
      ["otel-collector", "collector.yaml"],
    ].map(([name = "", key = ""]) => {
      const { data } = object(mesh, "ConfigMap", name) as unknown as { data: Record<string, string> };
      return data[key] ?? "";
    });
  const more = { spire: "managed", jaegerTracing: true };
  const [spire6 = "", otel6 = ""] = texts(meshOf(upstream({ ...more, ...on("IPv6") })));
  assert.match(spire6, /bind_address = "::"/);
  assert.deepEqual(otel6.match(/"\[::\]:\d+"/g), ['"[::]:4317"', '"[::]:13133"', '"[::]:8889"']);
  const [spire4 = "", otel4 = ""] = texts(meshOf(upstream(more)));
  assert.match(spire4, /bind_address = "0\.0\.0\.0"/);
  assert.deepEqual(otel4.match(/"0\.0\.0\.0:\d+"/g), ['"0.0.0.0:4317"', '"0.0.0.0:13133"', '"0.0.0.0:8889"']);
  const old = meshOf(legacy({ spire: "true", ...on("IPv6") }));
  const { data } = object(old, "ConfigMap", "spire-server") as unknown as { data: Record<string, string> };
  assert.match(data["server.conf"] ?? "", /bind_address = "::"/);
});

test("no Service asks for a family, so that a cluster of both gives it the first one", () => {
  for (const document of [upstream(on("IPv6")), own(on("IPv6"))]) {
    assert.doesNotMatch(JSON.stringify(meshOf(document).phases), /ipFamil(y|ies)/);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ReleaseFeatures, releaseFeatures } from "./releases.ts";

/** What changes at a release: [feature, last release with the old way, first with the new one, new way]. */
const changes: readonly [keyof ReleaseFeatures, string, string, unknown][] = [
  ["registryK8sPrefix", "v1.6.2", "v1.7.0", "NSM_"],
  ["registryMemoryPrefix", "v1.13.0", "v1.13.1", "NSM_"],
  ["memoryProxyUrl", "v1.0.0", "v1.1.0", "nsmgr-proxy:5004"],
  ["startupProbes", "v1.2.0", "v1.3.0", true],
  ["vppHostPid", "v1.2.0", "v1.3.0", true],
  ["webhookReadsNamespaces", "v1.5.0", "v1.6.0", true],
  ["managerListenTcp", "v1.6.2", "v1.7.0", "tcp://[$(POD_IP)]:5001"],
  ["managerListenTcp", "v1.15.0", "v1.16.0", "tcp://$(POD_IP):5001"],
  ["managerProbeAddress", "v1.6.2", "v1.7.0", "unix:///var/lib/networkservicemesh/nsm.io.sock"],
  ["registryMemoryLimit", "v1.6.2", "v1.7.0", "260Mi"],
  ["registryServiceType", "v1.9.0", "v1.10.0", "ClusterIP"],
  ["webhookSidecarResources", "v1.10.0", "v1.11.0", true],
  ["webhookMode", "v1.11.2", "v1.12.0", "external"],
  ["telemetryVariable", "v1.13.0", "v1.13.1", "NSM_OPEN_TELEMETRY_ENDPOINT"],
  ["pprof", "v1.13.3", "v1.14.0", true],
  ["csi", "v1.9.0", "v1.10.0", true],
];

for (const [feature, before, since, now] of changes) {
  test(`${feature} changes between ${before} and ${since}`, () => {
    assert.notDeepEqual(releaseFeatures(before)?.[feature], now);
    assert.deepEqual(releaseFeatures(since)?.[feature], now);
  });
}

test("SPIRE is the one that upstream tested the release with", () => {
  const manager = (version: string): string | undefined =>
    releaseFeatures(version)?.spire.controllerManager.split(":")[1];
  const server = (version: string): string | undefined => releaseFeatures(version)?.spire.server.split(":")[1];
  assert.deepEqual([server("v1.10.0"), manager("v1.10.0")], ["1.6.1", "0.2.2"]);
  assert.deepEqual([server("v1.14.5"), manager("v1.14.5")], ["1.9.5", "0.2.2"]);
  assert.deepEqual([server("v1.18.0"), manager("v1.18.0")], ["1.12.4", "0.6.2"]);
});

test("a version outside the table has no features", () => {
  for (const version of ["v1.18.1", "v2.0.0", "v0.2.0", "master", "v1.19.0-rc.1"]) {
    assert.equal(releaseFeatures(version), undefined, version);
  }
});

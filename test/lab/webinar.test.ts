// Manifests in the manner of the CNF examples of 2020 run as they are, as far as a machine without VPP can.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Bench, users, withoutEtcd } from "./support.ts";

const manifests = join(import.meta.dirname, "testdata/webinar");

for (const user of users)
  describe(`as ${user.title}`, { skip: user.skip ?? withoutEtcd ?? false, timeout: 120_000 }, () => {
    test("the Linux agent gets its values from etcd, those with VPP are told, and nothing is written outside", async () => {
      await using bench = new Bench(user);
      const { code, stderr } = await bench.run("up", manifests, "--wait", "8s");
      // The client waits for an endpoint that only VPP would offer.
      assert.equal(code, 1, stderr);
      assert.match(stderr, /ignored, .*ClusterRole cnf-crd, ServiceAccount default\/cnf-crd/);
      assert.match(stderr, /its items for gateway are checked, but nsm-agent-vpp is not available/);
      assert.match(stderr, /desk\/desk: config\/cnf\/nsm\/v1\/client\/to-gateway is (RETRYING|PENDING)/);
      assert.match(stderr, /route\/172\.21\.0\.0\/24\/tap0 is PENDING: interface tap0 is up/);
      assert.doesNotMatch(stderr, /has not come from etcd/);
      const status = await bench.status();
      const reasons = status.pods.flatMap((pod) =>
        pod.containers.map(({ name, reason }) => `${name}: ${reason ?? ""}`),
      );
      for (const [name, why] of [
        ["gateway", /nsm-agent-vpp is not available in this version/],
        ["cnf-crd", /delivers CNFConfigurations itself/],
        ["wait-for-store", /nothing to prepare/],
      ] as const)
        assert.ok(
          reasons.some((line) => line.startsWith(`${name}: `) && why.test(line)),
          reasons.join("\n"),
        );
      const list = await bench.agent("desk", "kvdb", "list", "--keys-only");
      const keys = list.split("\n").filter((key) => key.includes("/config/"));
      assert.deepEqual(keys, [
        "/vnf-agent/desk/config/cnf/nsm/v1/client/to-gateway",
        "/vnf-agent/desk/config/linux/l3/v2/route/172.21.0.0/24/tap0",
        "/vnf-agent/gateway/config/cnf/nsm/v1/endpoint/office",
        "/vnf-agent/gateway/config/vpp/nat/v2/nat44-interface/memif0",
        "/vnf-agent/gateway/config/vpp/nat/v2/nat44-pool/vrf/0/address/172.21.0.100-172.21.0.103",
      ]);
      assert.ok(!existsSync("/var/cnf-etcd"), "etcd wrote into the machine's own folder");
    });
  });

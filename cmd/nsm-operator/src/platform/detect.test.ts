import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodedError, silentLogger } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import type { ClusterFacts } from "@nsmkit/mesh";
import fc from "fast-check";
import { lookAtCluster } from "./detect.ts";
import { lookAgainMs, PlatformKeeper } from "./keeper.ts";

/** Answers by the beginning of a path; others are not found, and "forbidden" may not be read. */
class Answers {
  readonly asked: string[] = [];
  answers: Readonly<Record<string, unknown>>;

  constructor(answers: Readonly<Record<string, unknown>>) {
    this.answers = answers;
  }

  raw = async (path: string): Promise<unknown> => {
    this.asked.push(path);
    const found = Object.entries(this.answers).find(([begin]) => path === begin || path.startsWith(`${begin}?`));
    if (found?.[1] === "forbidden") throw new CodedError("PERMISSION_DENIED", `${path} is forbidden`);
    if (found?.[1] === "down") throw new CodedError("UNAVAILABLE", "no answer");
    if (!found) throw new CodedError("NOT_FOUND", `${path} is not there`);
    return typeof found[1] === "function" ? (found[1] as (path: string) => unknown)(path) : found[1];
  };
}

const { signal } = new AbortController();
const groups = (...names: string[]): unknown => ({ groups: names.map((name) => ({ name })) });
const node = (
  name: string,
  podCIDRs: readonly string[],
  more: { version?: string; labels?: object } = {},
): unknown => ({
  metadata: { name, labels: more.labels ?? {} },
  spec: { podCIDRs },
  status: { nodeInfo: { kubeletVersion: more.version ?? "v1.36.0" } },
});
const serviceCidr = (...cidrs: string[]): unknown => ({
  items: [{ metadata: { name: "kubernetes" }, spec: { cidrs } }],
});
const plain = { "/version": { gitVersion: "v1.36.3", minor: "36" }, "/apis": groups("apps", "networking.k8s.io") };
const facts = async (answers: Readonly<Record<string, unknown>>): Promise<ClusterFacts> =>
  (await lookAtCluster(new Answers({ ...plain, ...answers }), { signal })).facts;

describe("the distribution is known by", () => {
  const cases: readonly [string, Readonly<Record<string, unknown>>, string, string][] = [
    [
      "OpenShift's API groups",
      { "/apis": groups("apps", "config.openshift.io") },
      "openshift",
      "API group config.openshift.io",
    ],
    [
      "the build of the API server",
      { "/version": { gitVersion: "v1.36.0+k3s1", minor: "36" } },
      "k3s",
      "version v1.36.0+k3s1 of the API server",
    ],
    [
      "the build of a kubelet",
      { "/api/v1/nodes": { items: [node("a", [], { version: "v1.36.0+k0s" })] } },
      "k0s",
      "kubelet v1.36.0+k0s of node a",
    ],
    [
      "the label of microk8s",
      { "/api/v1/nodes": { items: [node("a", [], { labels: { "microk8s.io/cluster": "true" } })] } },
      "microk8s",
      "label microk8s.io/cluster of node a",
    ],
    [
      "the labels of k0s",
      { "/api/v1/nodes": { items: [node("a", [], { labels: { "node.k0sproject.io/role": "worker" } })] } },
      "k0s",
      "label node.k0sproject.io/role of node a",
    ],
  ];
  for (const [mark, answers, platform, source] of cases) {
    test(mark, async () => {
      const found = await facts(answers);
      assert.deepEqual([found.platform, found.sources?.kind], [platform, source]);
    });
  }

  test("nothing, where there is no mark", async () => {
    assert.equal((await facts({ "/api/v1/nodes": { items: [node("a", [])] } })).platform, undefined);
  });
});

describe("prefixes are told by", () => {
  test("OpenShift's network, as it runs", async () => {
    const found = await facts({
      "/apis": groups("security.openshift.io"),
      "/apis/config.openshift.io/v1/networks/cluster": {
        spec: { clusterNetwork: [{ cidr: "10.0.0.0/14" }], serviceNetwork: ["10.9.0.0/16"] },
        status: {
          clusterNetwork: [{ cidr: "fd01::/48", hostPrefix: 64 }, { cidr: "10.128.0.0/14" }],
          serviceNetwork: ["172.30.0.0/16"],
        },
      },
    });
    assert.deepEqual(found.excludedPrefixes, ["10.128.0.0/14", "172.30.0.0/16", "fd01::/48"]);
    assert.equal(found.ipFamily, "IPv6");
    assert.equal(found.sources?.excludedPrefixes, "status of networks.config.openshift.io/cluster");
  });

  test("OpenShift's network as it is wanted, while nothing runs yet", async () => {
    const found = await facts({
      "/apis": groups("security.openshift.io"),
      "/apis/config.openshift.io/v1/networks/cluster": {
        spec: { clusterNetwork: [{ cidr: "10.0.0.0/14" }], serviceNetwork: ["10.9.0.0/16"] },
      },
    });
    assert.deepEqual(found.excludedPrefixes, ["10.0.0.0/14", "10.9.0.0/16"]);
  });

  test("kubeadm's ConfigMap, of both families", async () => {
    const ClusterConfiguration = "networking:\n  podSubnet: 10.244.0.0/16,fd00::/56\n  serviceSubnet: 10.96.0.0/12\n";
    const server = new Answers({
      ...plain,
      "/api/v1/namespaces/kube-system/configmaps/kubeadm-config": { data: { ClusterConfiguration } },
    });
    const { facts: found } = await lookAtCluster(server, { signal });
    assert.deepEqual(found.excludedPrefixes, ["10.244.0.0/16", "10.96.0.0/12", "fd00::/56"]);
    assert.equal(found.sources?.excludedPrefixes, "ConfigMap kube-system/kubeadm-config");
    // One node for the marks of a distribution, and no list of all.
    assert.deepEqual(
      server.asked.filter((path) => path.includes("/nodes")),
      ["/api/v1/nodes?limit=1"],
    );
  });

  test("a ConfigMap with something else in it tells nothing", async () => {
    const broken = { data: { ClusterConfiguration: "a: [" } };
    const found = await facts({ "/api/v1/namespaces/kube-system/configmaps/kubeadm-config": broken });
    assert.equal(found.excludedPrefixes, undefined);
  });

  test("nodes and the ranges of Services, over all pages", async () => {
    const pages: Readonly<Record<string, unknown>> = {
      "": { metadata: { continue: "next/1" }, items: [node("a", ["fd00:1::/64", "10.1.0.0/24"])] },
      "next/1": { metadata: {}, items: [node("b", ["fd00:1:0:1::/64", "10.1.3.0/24"])] },
    };
    const found = await facts({
      "/api/v1/nodes": (path: string) => pages[new URLSearchParams(path.split("?")[1]).get("continue") ?? ""],
      "/apis/networking.k8s.io/v1/servicecidrs": serviceCidr("10.96.0.0/16", "fd00:2::/112"),
    });
    assert.deepEqual(found.excludedPrefixes, ["10.1.0.0/22", "10.96.0.0/16", "fd00:1::/63", "fd00:2::/112"]);
    assert.equal(found.ipFamily, "IPv6");
    assert.equal(found.sources?.excludedPrefixes, "podCIDRs of 2 nodes, ServiceCIDR kubernetes");
  });

  test("a distribution's habit, as long as all nodes lie within", async () => {
    const k3s = { "/version": { gitVersion: "v1.36.0+k3s1", minor: "36" } };
    const ranges = { "/apis/networking.k8s.io/v1beta1/servicecidrs": serviceCidr("10.43.0.0/16") };
    const within = await facts({ ...k3s, ...ranges, "/api/v1/nodes": { items: [node("a", ["10.42.3.0/24"])] } });
    assert.deepEqual(within.excludedPrefixes, ["10.42.0.0/16", "10.43.0.0/16"]);
    const outside = await facts({ ...k3s, ...ranges, "/api/v1/nodes": { items: [node("a", ["10.7.3.0/24"])] } });
    assert.deepEqual(outside.excludedPrefixes, ["10.43.0.0/16", "10.7.3.0/24"]);
    const half = await facts({ ...k3s, "/api/v1/nodes": { items: [node("a", ["10.42.3.0/24"])] } });
    assert.deepEqual([half.excludedPrefixes, half.ipFamily], [undefined, "IPv4"]);
  });

  test("nodes alone, where Services tell nothing and there is no habit", async () => {
    const found = await facts({ "/api/v1/nodes": { items: [node("a", ["10.1.0.0/24"])] } });
    assert.deepEqual(found.excludedPrefixes, ["10.1.0.0/24"]);
  });
});

test("namespaces that refuse privileged Pods are known by their label", async () => {
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  const found = await facts({ "/api/v1/namespaces": { items: [{ metadata: { name: "tight", labels } }] } });
  assert.deepEqual(found.podSecurity, new Map([["tight", "restricted"]]));
});

test("what may not be read is left out and named, and nothing fails", async () => {
  const closed = ["/version", "/apis", "/api/v1/nodes", "/api/v1/namespaces"];
  const answers = Object.fromEntries(closed.map((path) => [path, "forbidden"]));
  assert.deepEqual(await lookAtCluster(new Answers(answers), { signal }), {
    facts: { sources: {} },
    forbidden: closed,
  });
});

test("an API server that does not answer is an error, not a cluster without marks", async () => {
  await assert.rejects(facts({ "/apis": "down" }), { code: "UNAVAILABLE" });
});

test("whatever the API server answers, nothing crashes", async () => {
  const paths = [
    "/version",
    "/apis",
    "/api/v1/nodes",
    "/api/v1/namespaces",
    "/apis/networking.k8s.io/v1/servicecidrs",
    "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
    "/apis/config.openshift.io/v1/networks/cluster",
  ];
  const answer = fc.oneof(
    fc.jsonValue(),
    fc.constant({ items: [{ metadata: { name: { toString: false } } }] }),
    fc.record({ items: fc.array(fc.jsonValue()), metadata: fc.jsonValue() }),
    fc.record({ spec: fc.jsonValue(), status: fc.jsonValue(), data: fc.dictionary(fc.string(), fc.jsonValue()) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.tuple(...paths.map(() => answer)), async (answers) => {
      // A list that always goes on would be asked for ever; no server does that.
      const table = Object.fromEntries(paths.map((path, i) => [path, JSON.parse(JSON.stringify(answers[i] ?? null))]));
      const list = table["/api/v1/nodes"] as { metadata?: unknown } | null;
      if (list && typeof list === "object") list.metadata = {};
      await lookAtCluster(new Answers(table), { signal });
    }),
    { numRuns: 300 },
  );
});

test("a keeper asks again soon for what it may not read, as rights take a while, and then as rarely as for all else", async () => {
  const server = new Answers({ ...plain, "/api/v1/nodes": "forbidden" });
  const clock = new FakeClock();
  const keeper = new PlatformKeeper(server, { logger: silentLogger });
  const stop = new AbortController();
  const running = keeper.run(clock, () => {}, stop);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) await Promise.resolve();
  };
  const looks = (): number => server.asked.filter((path) => path === "/version").length;
  await settle();
  const seen: number[] = [];
  for (const ms of [10_000, 60_000, 600_000, 600_000, lookAgainMs - 600_000]) {
    await clock.advance(ms);
    await settle();
    seen.push(looks());
  }
  assert.deepEqual(seen, [2, 3, 4, 4, 5]);
  stop.abort();
  await running;
});

test("a keeper looks at once and every hour, tells of what is otherwise, and keeps what it knew when a look fails", async () => {
  const server = new Answers({ ...plain, "/api/v1/nodes": { items: [node("a", ["10.1.0.0/24"])] } });
  const clock = new FakeClock();
  const keeper = new PlatformKeeper(server, { logger: silentLogger });
  const stop = new AbortController();
  let told = 0;
  const running = keeper.run(clock, () => void told++, stop);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) await Promise.resolve();
  };
  await settle();
  assert.equal(told, 1);
  await clock.advance(lookAgainMs);
  await settle();
  assert.equal(told, 1);
  server.answers = { ...plain, "/api/v1/nodes": "down" };
  await clock.advance(lookAgainMs);
  await settle();
  assert.deepEqual(keeper.facts.excludedPrefixes, ["10.1.0.0/24"]);
  server.answers = { ...plain, "/api/v1/nodes": { items: [node("a", ["10.1.0.0/24"]), node("b", ["10.1.1.0/24"])] } };
  await clock.advance(lookAgainMs);
  await settle();
  assert.deepEqual([told, keeper.facts.excludedPrefixes], [2, ["10.1.0.0/23"]]);
  stop.abort();
  await running;
});

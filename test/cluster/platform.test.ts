/** What the operator finds out about a cluster, on a real API server with nodes and definitions as distributions have them. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { Resource, UnknownObject } from "@nsmkit/kube";
import type { ClusterFacts } from "@nsmkit/mesh";
import { kindNamed, kinds } from "../../cmd/nsm-operator/src/inventory/kinds.ts";
import { lookAtCluster } from "../../cmd/nsm-operator/src/platform/detect.ts";
import { platformRules } from "../../cmd/nsm-operator/src/platform/rights.ts";
import { type Nsm, nsms, type PlatformStatus } from "../../cmd/nsm-operator/src/status/status.ts";
import { until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";
import { namespace, OperatorWorld, operatorManifest } from "./operator-world.ts";

const nodes: Resource<UnknownObject> = { group: "", version: "v1", kind: "Node", plural: "nodes", namespaced: false };
const serviceCidrs: Resource<UnknownObject> = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "ServiceCIDR",
  plural: "servicecidrs",
  namespaced: false,
};
const networks: Resource<UnknownObject> = {
  group: "config.openshift.io",
  version: "v1",
  kind: "Network",
  plural: "networks",
  namespaced: false,
};

/** A definition with open contents, in the place of one of OpenShift's. */
const standIn = (group: string, kind: string, plural: string, schema: object): UnknownObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}`, annotations: { "api-approved.kubernetes.io": "unapproved, a stand-in" } },
  spec: {
    group,
    scope: "Cluster",
    names: { kind, plural, singular: kind.toLowerCase() },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true, ...schema } },
        subresources: {},
      },
    ],
  },
});

describe("a cluster's platform on a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: OperatorWorld;
  before(async () => {
    plane = await ControlPlane.start();
    world = await OperatorWorld.open(plane);
    // The API server makes its own one some time after it is ready.
    await until(
      () => world.admin.list(serviceCidrs),
      ({ items }) => items.length > 0,
      undefined,
      20_000,
    );
  });
  after(async () => {
    await world?.close();
    await plane?.close();
  });
  afterEach(async () => {
    await world.stopOperator();
    for (const { metadata } of (await world.admin.list(nodes)).items) {
      await world.admin.delete(nodes, { name: metadata.name ?? "" });
    }
  });

  async function node(name: string, podCIDRs: readonly string[], more: { version?: string; labels?: object } = {}) {
    const { version = "v1.36.3", labels = {} } = more;
    const [podCIDR] = podCIDRs;
    await world.admin.create<UnknownObject>(nodes, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: labels as Record<string, string> },
      spec: { podCIDR, podCIDRs },
    });
    const unknown = { architecture: "amd64", bootID: "", machineID: "", systemUUID: "" };
    const more2 = { containerRuntimeVersion: "", kernelVersion: "", kubeProxyVersion: "", operatingSystem: "linux" };
    const nodeInfo = { ...unknown, ...more2, osImage: "", kubeletVersion: version };
    await world.admin.mergePatch(nodes, { name }, { status: { nodeInfo } }, { subresource: "status" });
  }

  /** With the rights of deploy/operator.yaml and no more. */
  async function found(): Promise<ClusterFacts> {
    await world.startOperator();
    const { client } = world;
    assert.ok(client);
    // Rights that were given just now take a while to be known.
    const { facts } = await until(
      () => lookAtCluster(client, { signal: AbortSignal.timeout(10_000) }),
      ({ forbidden }) => forbidden.length === 0,
    );
    return facts;
  }

  test("plain Kubernetes: parts of nodes and the range of the Service allocator", async () => {
    await node("a", ["10.244.0.0/24"]);
    await node("b", ["10.244.1.0/24"]);
    const facts = await found();
    assert.deepEqual(facts.excludedPrefixes, ["10.0.0.0/24", "10.244.0.0/23"]);
    assert.equal(facts.sources?.excludedPrefixes, "podCIDRs of 2 nodes, ServiceCIDR kubernetes");
    assert.deepEqual([facts.platform, facts.ipFamily], [undefined, "IPv4"]);
  });

  test("k3s by its kubelets, microk8s by its label, k0s by its kubelets", async () => {
    const seen: (string | undefined)[] = [];
    for (const [version, labels] of [
      ["v1.36.3+k3s1", {}],
      ["v1.36.3", { "microk8s.io/cluster": "true" }],
      ["v1.36.3+k0s", {}],
    ] as const) {
      await node("one", ["10.42.0.0/24"], { version, labels });
      const { platform, sources } = await found();
      seen.push(`${platform} by ${sources?.kind}`);
      await world.stopOperator();
      await world.admin.delete(nodes, { name: "one" });
    }
    assert.deepEqual(seen, [
      "k3s by kubelet v1.36.3+k3s1 of node one",
      "microk8s by label microk8s.io/cluster of node one",
      "k0s by kubelet v1.36.3+k0s of node one",
    ]);
  });

  test("a cluster of IPv6 by its nodes, over several pages", async () => {
    for (let i = 0; i < 130; i++) await node(`n${i}`, [`fd00:10:244:${i.toString(16)}::/64`]);
    const facts = await found();
    assert.deepEqual(facts.excludedPrefixes, ["10.0.0.0/24", "fd00:10:244::/56"]);
    assert.equal(facts.ipFamily, "IPv6");
    assert.match(facts.sources?.excludedPrefixes ?? "", /podCIDRs of 130 nodes/);
  });

  test("kubeadm's ConfigMap wins over nodes", async () => {
    await node("a", ["10.244.0.0/24"]);
    const ClusterConfiguration = "networking:\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/12\n";
    const at = { namespace: "kube-system", name: "kubeadm-config" };
    const data = { ClusterConfiguration };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: at, data };
    await world.admin.create<UnknownObject>(kindNamed("ConfigMap"), object);
    try {
      assert.deepEqual((await found()).excludedPrefixes, ["10.244.0.0/16", "10.96.0.0/12"]);
    } finally {
      await world.admin.delete(kindNamed("ConfigMap"), at);
    }
  });

  test("the status shows what was found and where, and the resource overrides it", { timeout: 60_000 }, async () => {
    await node("one", ["10.42.7.0/24"], { labels: { "microk8s.io/cluster": "true" } });
    await world.startOperator();
    await until(
      async () => world.admin.list(nsms).catch(() => undefined),
      (list) => list !== undefined,
      undefined,
      20_000,
    );
    const spec = { provider: "nsmkit", registry: { type: "k8s" }, forwarders: [{ type: "kernel" }] };
    const metadata = { name: "shown", namespace };
    const object: Nsm = { apiVersion: "nsm.networkservicemesh.io/v1alpha1", kind: "NSM", metadata, spec };
    await world.admin.create(nsms, object);
    const { status } = await world.settled("shown");
    assert.deepEqual(status?.platform, {
      kind: "microk8s",
      kubeletRoot: "/var/snap/microk8s/common/var/lib/kubelet",
      ipFamily: "IPv4",
      excludedPrefixes: ["10.0.0.0/24", "10.42.7.0/24"],
      sources: {
        kind: "label microk8s.io/cluster of node one",
        kubeletRoot: "habit of microk8s",
        excludedPrefixes: "podCIDRs of 1 nodes, ServiceCIDR kubernetes",
        ipFamily: "podCIDRs of 1 nodes",
      },
    } satisfies PlatformStatus);
    const platform = { kind: "k0s", kubeletRoot: "/data/kubelet", excludedPrefixes: ["10.9.0.0/16"] };
    await world.admin.mergePatch(nsms, { namespace, name: "shown" }, { spec: { platform } });
    const changed = await world.until((nsm) => nsm.status?.platform?.kind === "k0s", "shown");
    const { kubeletRoot, excludedPrefixes, sources } = changed.status?.platform ?? {};
    assert.deepEqual([kubeletRoot, excludedPrefixes], ["/data/kubelet", ["10.9.0.0/16"]]);
    assert.deepEqual(sources, {
      kind: "spec.platform.kind, instead of microk8s (label microk8s.io/cluster of node one)",
      kubeletRoot: "spec.platform.kubeletRoot",
      excludedPrefixes:
        "spec.platform.excludedPrefixes, instead of 10.0.0.0/24,10.42.7.0/24 (podCIDRs of 1 nodes, ServiceCIDR kubernetes)",
      ipFamily: "podCIDRs of 1 nodes",
    });
    await world.settled("shown");
    await world.admin.delete(nsms, { namespace, name: "shown" });
    await world.gone("shown");
  });

  // The last one: definitions make this cluster an OpenShift from then on.
  test("OpenShift by its API groups, with the prefixes of its network", { timeout: 30_000 }, async () => {
    const definitions = kindNamed("CustomResourceDefinition");
    const constraints = standIn(
      "security.openshift.io",
      "SecurityContextConstraints",
      "securitycontextconstraints",
      {},
    );
    for (const definition of [standIn("config.openshift.io", "Network", "networks", {}), constraints]) {
      await world.admin.create<UnknownObject>(definitions, definition);
    }
    const network = {
      apiVersion: "config.openshift.io/v1",
      kind: "Network",
      metadata: { name: "cluster" },
      spec: { clusterNetwork: [{ cidr: "10.0.0.0/14", hostPrefix: 23 }], serviceNetwork: ["172.30.0.0/16"] },
      status: { clusterNetwork: [{ cidr: "10.128.0.0/14", hostPrefix: 23 }], serviceNetwork: ["172.30.0.0/16"] },
    };
    await until(
      () => world.admin.create<UnknownObject>(networks, network).then(Boolean, () => false),
      Boolean,
      undefined,
      20_000,
    );
    const facts = await until(found, ({ platform }) => platform === "openshift", undefined, 20_000);
    assert.deepEqual(facts.excludedPrefixes, ["10.128.0.0/14", "172.30.0.0/16"]);
    assert.equal(facts.sources?.excludedPrefixes, "status of networks.config.openshift.io/cluster");
  });
});

test("the operator watches neither nodes nor Pods", () => {
  assert.ok(!kinds.some(({ kind }) => kind === "Node" || kind === "Pod"));
});

test("the manifest gives the operator what looking at the cluster reads", async () => {
  interface Rule {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
    readonly resourceNames?: readonly string[];
  }
  const rules = (await operatorManifest()).flatMap(({ kind, rules }) =>
    kind === "ClusterRole" ? (rules as readonly Rule[]) : [],
  );
  for (const { apiGroups, resources, verbs, resourceNames } of platformRules) {
    for (const resource of resources) {
      const covered = rules.some(
        (rule) =>
          apiGroups.every((group) => rule.apiGroups.includes(group)) &&
          rule.resources.includes(resource) &&
          verbs.every((verb) => rule.verbs.includes(verb)) &&
          (rule.resourceNames === undefined || resourceNames?.every((name) => rule.resourceNames?.includes(name))),
      );
      assert.ok(covered, `${apiGroups} ${resource} ${verbs}`);
    }
  }
});

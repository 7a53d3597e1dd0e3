/** Upgrades over many releases with all that they migrate, and the rights that a whole life needs, on a real API server. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { Resource, UnknownObject } from "@nsmkit/kube";
import { grantedRules } from "@nsmkit/mesh";
import { parseAllDocuments } from "yaml";
import { kindNamed } from "../../cmd/nsm-operator/src/inventory/kinds.ts";
import { type Nsm, nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { condition, isReady, leftovers, until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ChaosProxy } from "./chaos-proxy.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";
import { namespace, OperatorWorld, operatorManifest } from "./operator-world.ts";

const nsm = (name: string, spec: unknown): Nsm => ({
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata: { name, namespace },
  spec,
});
const upstream = { registry: { type: "k8s" }, forwarders: [{ type: "vpp" }, { type: "sriov" }], spire: "external" };
const legacy = { registry: "docker.io", tag: "v0.2.0" };
const endpoints: Resource = {
  ...{ group: "networkservicemesh.io", version: "v1", kind: "NetworkServiceEndpoint" },
  ...{ plural: "networkserviceendpoints", namespaced: true },
};

describe("upgrades on a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: OperatorWorld;
  let proxy: ChaosProxy;
  before(async () => {
    plane = await ControlPlane.start();
    world = await OperatorWorld.open(plane);
    proxy = await ChaosProxy.start(await plane.config());
    await start();
    await until(
      async () => world.admin.list(nsms).catch(() => undefined),
      (list) => list !== undefined,
      undefined,
      30_000,
    );
  });
  after(async () => {
    await world?.close();
    await proxy?.close();
    await plane?.close();
  });
  afterEach(async () => {
    world.kubelets.fate = () => "ready";
    await world.kubelets.again();
    for (const { metadata } of (await world.admin.list(nsms)).items) await remove(metadata.name ?? "");
  });

  const start = (config: { progressDeadlineMs?: number } = {}) => world.startOperator({ through: proxy, config });
  const change = (name: string, spec: unknown) => world.admin.mergePatch(nsms, { namespace, name }, { spec });
  const ranAs = (version: string) => (one: Nsm) =>
    isReady(one) && one.status?.currentVersion === version && one.status.upgrade === undefined;
  const find = (kind: string, name: string) => world.admin.get(kindNamed(kind), { namespace, name });
  async function remove(name: string): Promise<void> {
    await world.admin.delete(nsms, { namespace, name });
    await world.gone(name);
    assert.deepEqual(await leftovers(world.admin), []);
  }
  const images = (object: UnknownObject): string[] =>
    [...JSON.stringify(object.spec).matchAll(/"image":"[^"]*:([^":]+)"/g)].map(([, tag = ""]) => tag);

  test("a mesh of v1.6.2 comes to v1.13.3 with variables, policies, node ports and webhooks migrated", {
    timeout: 120_000,
  }, async () => {
    const registry = { type: "k8s", envVars: [{ name: "REGISTRY_K8S_EXPIRE_PERIOD", value: "2m" }] };
    await world.admin.create(nsms, nsm("old", { ...upstream, registry, webhook: {}, version: "v1.6.2" }));
    await world.settled("old", 60_000);
    const before = (await find("Service", "registry")).spec as { type: string; ports: { nodePort?: number }[] };
    assert.equal(before.type, "LoadBalancer");
    assert.ok(before.ports[0]?.nodePort);
    // An endpoint that registered before there were policies, and what a Pod of the old webhook left.
    const entry = { apiVersion: "networkservicemesh.io/v1", kind: endpoints.kind, metadata: { namespace, name: "e" } };
    await world.admin.create(endpoints, { ...entry, spec: { name: "e" } });
    const clientConfig = { service: { namespace, name: "admission-webhook-svc" } };
    await world.admin.create(kindNamed("MutatingWebhookConfiguration"), {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: { name: "admission-webhook-k8s-0123456789-abcde" },
      webhooks: [{ name: "a.b.c", admissionReviewVersions: ["v1"], sideEffects: "None", clientConfig }],
    });
    const seen = new Set<string>();
    await change("old", { version: "v1.13.3" });
    const { status } = await world.until(
      (one) => {
        for (const { step } of one.status?.plan ?? []) seen.add(step);
        return ranAs("v1.13.3")(one);
      },
      "old",
      90_000,
    );
    const ways = status?.history?.map((one) => one.version).reverse();
    assert.deepEqual(ways, ["v1.6.2", "v1.7.1", "v1.8.0", "v1.9.0", "v1.10.0", "v1.11.2", "v1.12.0", "v1.13.3"]);
    const after = (await find("Service", "registry")).spec as { type: string; ports: { nodePort?: number }[] };
    assert.equal(after.type, "ClusterIP");
    assert.equal(after.ports[0]?.nodePort, undefined);
    const deployment = JSON.stringify((await find("Deployment", "registry-k8s")).spec);
    assert.match(deployment, /"name":"NSM_EXPIRE_PERIOD","value":"2m"/);
    assert.doesNotMatch(deployment, /REGISTRY_K8S_/);
    assert.match(deployment, /"name":"NSM_REGISTRY_SERVER_POLICIES"/);
    assert.match(JSON.stringify((await find("DaemonSet", "nsmgr")).spec), /"name":"NSM_REGISTRY_CLIENT_POLICIES"/);
    const { items } = await world.admin.list<UnknownObject>(kindNamed("MutatingWebhookConfiguration"));
    assert.equal(items.filter((item) => item.metadata.name?.startsWith("admission-webhook-k8s-")).length, 0);
    assert.ok(seen.has("upgrade from v1.6.2 to v1.7.1") && seen.size > 8, [...seen].join("\n"));
    // The old endpoint goes, and the next change ends what was allowed for it.
    await world.admin.delete(endpoints, { namespace, name: "e" });
    await change("old", { nsmLogLevel: "DEBUG" });
    const last = await world.until((one) => ranAs("v1.13.3")(one) && one.status?.observedGeneration === 3, "old");
    assert.equal(last.status?.policies, undefined);
    assert.doesNotMatch(JSON.stringify((await find("DaemonSet", "nsmgr")).spec), /POLICIES/);
  });

  test("forwarders are changed one after the other, and each of them node by node", { timeout: 60_000 }, async () => {
    await world.admin.create(nsms, nsm("nodes", { ...upstream, version: "v1.17.0" }));
    await world.settled("nodes");
    for (const name of ["forwarder-vpp", "forwarder-sriov", "nsmgr"]) {
      const { updateStrategy } = (await find("DaemonSet", name)).spec as { updateStrategy: unknown };
      assert.deepEqual(updateStrategy, { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } });
    }
    world.kubelets.fate = (object) =>
      object.metadata.name === "forwarder-vpp" && images(object)[0] === "v1.18.0" ? "stuck" : "ready";
    await change("nodes", { version: "v1.18.0" });
    await world.until((one) => one.status?.progress?.phase === "forwarders of v1.18.0", "nodes");
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(images(await find("DaemonSet", "forwarder-sriov")), ["v1.17.0"]);
    world.kubelets.fate = () => "ready";
    await world.kubelets.again();
    await world.until(ranAs("v1.18.0"), "nodes");
    assert.deepEqual(images(await find("DaemonSet", "forwarder-sriov")), ["v1.18.0"]);
  });

  test("a step that does not become available is rolled back, by the operator that comes after a crash too", {
    timeout: 90_000,
  }, async () => {
    await world.stopOperator();
    await start({ progressDeadlineMs: 4_000 });
    await world.admin.create(nsms, nsm("back", { ...upstream, version: "v1.9.0" }));
    await world.settled("back");
    world.kubelets.fate = (object) =>
      images(object).includes("v1.10.0") && object.kind === "DaemonSet" ? "stuck" : "ready";
    await change("back", { version: "v1.11.2" });
    await world.until((one) => one.status?.progress?.phase === "managers of v1.10.0", "back");
    await world.stopOperator();
    await start({ progressDeadlineMs: 4_000 });
    const { status } = await world.until(
      (one) => condition(one, "Degraded") === "True UpgradeRolledBack",
      "back",
      45_000,
    );
    assert.equal(status?.currentVersion, "v1.9.0");
    assert.deepEqual([...new Set(status?.components?.map((one) => one.version))], ["v1.9.0"]);
    assert.equal(((await find("Service", "registry")).spec as { type: string }).type, "LoadBalancer");
    assert.equal(status?.history?.[0]?.result, "RolledBack");
    await world.stopOperator();
    await start();
  });

  test("no right is missing, and none is held that neither the operator uses nor a mesh gives away", {
    timeout: 120_000,
  }, async (t) => {
    const life = async (name: string, spec: Readonly<Record<string, unknown>>): Promise<void> => {
      await world.admin.create(nsms, nsm(name, spec));
      await world.settled(name, 45_000);
      await remove(name);
    };
    const spire = await readFile(join(import.meta.dirname, "../../deploy/operator-spire.yaml"), "utf8");
    const spireDocuments = parseAllDocuments(spire).map((document) => document.toJS() as UnknownObject);
    const apply = async (one: UnknownObject): Promise<unknown> =>
      world.admin.apply(kindNamed(one.kind), one, { fieldManager: "kubectl" });
    // Nobody ends namespaces here, so this one is not the operator's.
    for (const one of spireDocuments) if (one.kind === "Namespace") await apply(one);
    // Without the second manifest the status says which right is missing; with it the mesh comes by itself.
    await world.admin.create(nsms, nsm("legacy", { ...legacy, spire: "true", jaegerTracing: "true" }));
    const refused = await world.until((one) => condition(one, "Degraded") === "True Forbidden", "legacy");
    assert.match(refused.status?.conditions?.[0]?.message ?? "", /cannot list resource .* in the namespace "spire"/);
    for (const one of spireDocuments) await apply(one);
    await world.settled("legacy", 60_000);
    await remove("legacy");
    await life("own", {
      provider: "nsmkit",
      registry: { type: "k8s", replicaCount: 2 },
      forwarders: [{ type: "kernel" }],
    });
    // Releases whose SPIRE needs a validating webhook configuration.
    await life("older", { ...upstream, version: "v1.13.3", spire: "managed" });
    const whole = { ...upstream, version: "v1.18.0", spire: "managed", csiDrivers: true, jaegerTracing: true };
    await world.admin.create(nsms, nsm("whole", { ...whole, webhook: {}, platform: { kind: "openshift" } }));
    await world.settled("whole", 45_000);
    // What a person may do to the objects, and what the operator does against it.
    for (const kind of [
      "ConfigMap",
      "Service",
      "ServiceAccount",
      "ClusterRole",
      "ClusterRoleBinding",
      "Role",
      "RoleBinding",
    ]) {
      const { items } = await world.admin.list<UnknownObject>(kindNamed(kind));
      const ours = items.find((item) => item.metadata.labels?.["app.kubernetes.io/managed-by"] === "nsm-operator");
      if (!ours) continue;
      const { name = "", namespace: place } = ours.metadata;
      await world.admin.delete(kindNamed(kind), place === undefined ? { name } : { name, namespace: place });
      await until(
        () => world.admin.find(kindNamed(kind), place === undefined ? { name } : { name, namespace: place }),
        (found) => found !== undefined && found.metadata.uid !== ours.metadata.uid,
      );
    }
    world.kubelets.fate = () => "stuck";
    await world.kubelets.again();
    await world.until((one) => condition(one, "Ready") === "False ComponentsUnavailable", "whole");
    world.kubelets.fate = () => "ready";
    await world.kubelets.again();
    await world.settled("whole");
    await remove("whole");

    const documents = [...(await operatorManifest()), ...spireDocuments];
    // The manifest also has roles for people.
    const own = documents.filter((one) => /Role$/.test(one.kind) && one.metadata.name === "nsm-operator");
    const held = new Set(own.flatMap((one) => rightsOf(one.rules as Rule[])));
    const given = new Set(rightsOf(grantedRules() as readonly Rule[]));
    const idle = [...held].filter((right) => !proxy.rights.has(right) && !given.has(right) && !reserve.has(right));
    t.diagnostic(`${proxy.rights.size} rights used of ${held.size}`);
    assert.deepEqual(idle.sort(), []);
    // A reserve that came into use is none any more.
    assert.deepEqual(
      [...reserve].filter((right) => !held.has(right)),
      [],
    );
  });
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const rightsOf = (rules: readonly Rule[]): string[] =>
  rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((one) => verbs.map((verb) => `${group} ${one} ${verb}`))),
  );

/** Held, and used only where this test does not come. */
const reserve: ReadonlySet<string> = new Set([
  // Whether a resource still lives whose cache says so.
  "nsm.networkservicemesh.io nsms get",
  // A mesh in a namespace that is not there yet; nobody ends namespaces here.
  " namespaces create",
  " namespaces patch",
  " namespaces delete",
  // Claims that a StatefulSet's controller made, when the mesh goes.
  " persistentvolumeclaims delete",
  // OpenShift, where API servers serve these, and demand the second of whoever sets an owner.
  "config.openshift.io networks get",
  "nsm.networkservicemesh.io nsms/finalizers update",
  // Whether a definition of SPIRE is still in use by somebody.
  "spire.spiffe.io controllermanagerconfigs list",
]);

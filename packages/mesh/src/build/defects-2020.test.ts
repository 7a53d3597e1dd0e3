/** Defects of the operator of 2020, none of which its document may show here. In the order in which they were listed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  container,
  env,
  legacy,
  meshOf,
  object,
  objectsOf,
  readYaml,
  workload,
  workloadsOf,
} from "../testing/documents.ts";
import type { Mesh } from "./phase.ts";

const seed = (): Mesh => meshOf(readYaml("nsm-2020.yaml"));

test("the seed document gives webhook, manager and forwarder with v0.2's names and images", () => {
  const images = workloadsOf(seed()).flatMap(({ kind, metadata, spec }) =>
    spec.template.spec.containers.map(({ image }) => `${kind} ${metadata.name} ${image}`),
  );
  assert.deepEqual(images, [
    "DaemonSet nsmgr docker.io/networkservicemesh/nsmdp:master",
    "DaemonSet nsmgr docker.io/networkservicemesh/nsmd:master",
    "DaemonSet nsmgr docker.io/networkservicemesh/nsmd-k8s:master",
    "DaemonSet nsm-vpp-forwarder docker.io/networkservicemesh/vppagent-forwarder:master",
    "Deployment nsm-admission-webhook docker.io/networkservicemesh/admission-webhook:master",
  ]);
});

test("the forwarder has one name, by which it is made and found", () => {
  const names = objectsOf(seed())
    .filter(({ kind }) => kind === "DaemonSet")
    .map(({ metadata }) => metadata.name);
  assert.deepEqual(names, ["nsmgr", "nsm-vpp-forwarder"]);
});

test("a renamed forwarding plane leaves nothing under the old name that the mesh's label would not find", () => {
  const renamed = meshOf(legacy({ forwardingPlaneName: "kernel" }));
  assert.ok(!objectsOf(renamed).some(({ metadata }) => metadata.name === "nsm-vpp-forwarder"));
  const label = "nsm.networkservicemesh.io/mesh";
  assert.equal(object(seed(), "DaemonSet", "nsm-vpp-forwarder").metadata.labels?.[label], "default.nsm");
});

test("nothing cluster-scoped is owned by the NSM, which Kubernetes would collect", () => {
  const document = readYaml("nsm-2020.yaml") as { metadata: object };
  const mesh = meshOf({ ...document, metadata: { ...document.metadata, uid: "u-1" } });
  const configuration = object(mesh, "MutatingWebhookConfiguration", "nsm-admission-webhook-cfg");
  assert.equal(configuration.metadata.ownerReferences, undefined);
});

test("the CA in the configuration is the one of the Secret, whenever it is built", () => {
  const mesh = seed();
  const { data } = object(mesh, "Secret", "nsm-admission-webhook-certs") as unknown as { data: Record<string, string> };
  const { webhooks } = object(mesh, "MutatingWebhookConfiguration", "nsm-admission-webhook-cfg") as unknown as {
    webhooks: { clientConfig: { caBundle: string } }[];
  };
  assert.ok(data["ca.crt"]);
  assert.equal(webhooks[0]?.clientConfig.caBundle, data["ca.crt"]);
});

test("the certificate is for the name that API servers ask for, in whichever namespace", () => {
  assert.deepEqual(meshOf(legacy({ namespace: "elsewhere" })).certificates[0]?.dnsNames, [
    "nsm-admission-webhook-svc.elsewhere.svc",
    "nsm-admission-webhook-svc.elsewhere.svc.cluster.local",
    "nsm-admission-webhook-svc.elsewhere",
    "nsm-admission-webhook-svc",
  ]);
});

test("service accounts, roles and definitions come with the mesh, before the Pods that need them", () => {
  const order = seed().phases.map(({ name }) => name);
  assert.deepEqual(order, ["crds", "rbac", "managers", "forwarders", "webhook", "webhook-configuration"]);
  for (const name of ["nsmgr-acc", "forward-plane-acc", "nse-acc", "nsc-acc"]) object(seed(), "ServiceAccount", name);
  object(seed(), "ClusterRole", "nsm-role");
});

test("the webhook sees no Pod of the system or of the mesh, no Service, and blocks nobody", () => {
  const { webhooks } = object(seed(), "MutatingWebhookConfiguration", "nsm-admission-webhook-cfg") as unknown as {
    webhooks: {
      failurePolicy: string;
      namespaceSelector: { matchExpressions: { values: string[] }[] };
      objectSelector: { matchExpressions: { key: string; operator: string }[] };
      rules: { resources: string[] }[];
    }[];
  };
  const [webhook] = webhooks;
  assert.equal(webhook?.failurePolicy, "Ignore");
  assert.ok(webhook.namespaceSelector.matchExpressions[0]?.values.includes("kube-system"));
  assert.deepEqual(webhook.objectSelector.matchExpressions, [
    { key: "nsm.networkservicemesh.io/mesh", operator: "DoesNotExist" },
  ]);
  assert.deepEqual(
    webhook.rules.flatMap(({ resources }) => resources),
    ["pods", "deployments"],
  );
});

test("the manager has the sockets' folder, which the first operator replaced by the kubelet's", () => {
  const mounts = container(seed(), "nsmgr", 1).volumeMounts?.map(({ mountPath }) => mountPath);
  assert.deepEqual(mounts, [
    "/var/lib/networkservicemesh",
    "/var/lib/networkservicemesh/plugins",
    "/run/spire/sockets",
  ]);
});

test("tracing is written out both ways, since v0.2 traces unless told not to", () => {
  for (const { metadata, spec } of workloadsOf(seed())) {
    for (const one of spec.template.spec.containers) assert.equal(env(one).TRACER_ENABLED, "false", metadata.name);
  }
  const traced = meshOf(legacy({ jaegerTracing: "true" }));
  for (const name of ["nsmgr", "nsm-vpp-forwarder", "nsm-admission-webhook"]) {
    const { TRACER_ENABLED, JAEGER_AGENT_HOST, JAEGER_AGENT_PORT } = env(container(traced, name));
    assert.deepEqual([TRACER_ENABLED, JAEGER_AGENT_HOST, JAEGER_AGENT_PORT], ["true", "jaeger.default", "6831"], name);
  }
  object(traced, "Service", "jaeger");
  workload(traced, "jaeger");
});

test('spire: "true" deploys server and agent, secures the programs, and registers them by their accounts', () => {
  const mesh = meshOf(legacy({ spire: "true" }));
  assert.deepEqual(mesh.phases.map(({ name }) => name).slice(0, 5), [
    "namespaces",
    "crds",
    "rbac",
    "spire-server",
    "spire-agent",
  ]);
  assert.equal(env(container(mesh, "nsmgr")).INSECURE, "false");
  const { data } = object(mesh, "ConfigMap", "spire-entries") as unknown as { data: Record<string, string> };
  const { entries } = JSON.parse(data["registration.json"] ?? "") as {
    entries: { spiffe_id: string; selectors: { value: string }[] }[];
  };
  const selected = entries.map(({ spiffe_id, selectors }) => `${selectors[0]?.value} ${spiffe_id}`);
  assert.ok(selected.includes("sa:nsmgr-acc spiffe://test.com/nsmgr"));
  assert.ok(selected.includes("sa:forward-plane-acc spiffe://test.com/forward-plane"));
});

/** Defects of the operator of 2023, and migrations between releases that it did not know. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNsm } from "../crd/parse.ts";
import { normalise } from "../spec/normalise.ts";
import {
  container,
  env,
  meshOf,
  object,
  objectsOf,
  own,
  readYaml,
  specOf,
  upstream,
  workload,
  workloadsOf,
} from "../testing/documents.ts";
import { buildMesh } from "./build.ts";

test("a registry without replicaCount has one replica", () => {
  assert.equal(workload(meshOf(upstream()), "registry-k8s").spec.replicas, 1);
});

test("from v1.10.0 on the registry gets its variables under the name that it reads", () => {
  assert.equal(env(container(meshOf(upstream({}, "v1.10.0")), "registry-k8s")).NSM_LISTEN_ON, "tcp://:5002");
  assert.equal(env(container(meshOf(upstream({}, "v1.6.2")), "registry-k8s")).REGISTRY_K8S_LISTEN_ON, "tcp://:5002");
  const memory = { registry: { type: "memory" } };
  assert.equal(env(container(meshOf(upstream(memory, "v1.13.1")), "registry")).NSM_LISTEN_ON, "tcp://:5002");
  assert.equal(
    env(container(meshOf(upstream(memory, "v1.13.0")), "registry")).REGISTRY_MEMORY_LISTEN_ON,
    "tcp://:5002",
  );
});

test("each forwarder has its own type's image, variables and probes, whatever stands beside it", () => {
  const mesh = meshOf(readYaml("nsm-2023.yaml"));
  const [ovs, vpp] = [container(mesh, "forwarder-ovs"), container(mesh, "forwarder-vpp")];
  assert.match(ovs.image, /cmd-forwarder-ovs:v1\.8\.0$/);
  assert.match(vpp.image, /cmd-forwarder-vpp:v1\.8\.0$/);
  assert.equal(env(ovs).NSM_BRIDGE_NAME, "br-nsm");
  assert.ok(!("NSM_BRIDGE_NAME" in env(vpp)));
  assert.deepEqual([ovs.readinessProbe === undefined, vpp.readinessProbe === undefined], [true, false]);
});

test("forwarders are selected each by its own name", () => {
  const mesh = meshOf(upstream({ forwarders: [{ type: "vpp" }, { type: "vpp", name: "second" }] }));
  assert.deepEqual(workload(mesh, "forwarder-vpp").spec.selector.matchLabels, { app: "forwarder-vpp" });
  assert.deepEqual(workload(mesh, "second").spec.selector.matchLabels, { app: "second" });
});

test("all namespaced objects are in the NSM's namespace, or in the one that it names", () => {
  const namespaces = (more: object): Set<string | undefined> =>
    new Set(workloadsOf(meshOf(upstream(more))).map(({ metadata }) => metadata.namespace));
  assert.deepEqual([...namespaces({})], ["default"]);
  assert.deepEqual([...namespaces({ namespace: "nsm-system" })], ["nsm-system"]);
});

test("another version changes the image of every program of the mesh", () => {
  const images = (version: string): string[] =>
    workloadsOf(meshOf(upstream({}, version))).flatMap(({ spec }) =>
      spec.template.spec.containers.map(({ image }) => image),
    );
  for (const image of images("v1.17.0")) assert.ok(image.endsWith(":v1.17.0"), image);
});

test("no program of the mesh may do what its work does not need", () => {
  const mesh = meshOf(upstream());
  const rules = objectsOf(mesh).flatMap(({ rules = [] }) => rules as { resources: string[]; verbs: string[] }[]);
  assert.ok(!rules.some(({ resources }) => resources.includes("secrets")));
  assert.ok(!rules.some(({ resources }) => resources.includes("mutatingwebhookconfigurations")));
});

test("the host's folder of the SPIRE socket is the one of spireAgentSocket", () => {
  const mesh = meshOf(upstream({ spireAgentSocket: "unix:///run/other/api.sock" }));
  for (const name of ["nsmgr", "registry-k8s", "forwarder-vpp"]) {
    const { volumes = [], containers } = workload(mesh, name).spec.template.spec;
    assert.ok(
      volumes.some(({ hostPath }) => hostPath?.path === "/run/other"),
      name,
    );
    assert.equal(env(container(mesh, name)).SPIFFE_ENDPOINT_SOCKET, "unix:///run/other/api.sock");
    assert.ok(
      containers[0]?.volumeMounts?.some(({ mountPath }) => mountPath === "/run/other"),
      name,
    );
  }
});

test("from v1.12.0 on the webhook is told where its certificate is, and its configuration comes from outside", () => {
  const current = env(container(meshOf(upstream({}, "v1.12.0")), "admission-webhook-k8s"));
  assert.equal(current.NSM_CERT_FILE_PATH, "/etc/nsm/webhook-certs/tls.crt");
  assert.equal(current.NSM_KEY_FILE_PATH, "/etc/nsm/webhook-certs/tls.key");
  const older = meshOf(upstream({}, "v1.11.2"));
  assert.ok(!("NSM_CERT_FILE_PATH" in env(container(older, "admission-webhook-k8s"))));
  assert.deepEqual(older.certificates, []);
});

test("a release that registers itself may do so, under one fixed name and nothing else's", () => {
  const mesh = meshOf(upstream({}, "v1.11.2"));
  assert.equal(env(container(mesh, "admission-webhook-k8s")).NSM_NAME, "nsm-mutating-webhook");
  const { rules } = object(mesh, "ClusterRole", "nsm-admission-webhook");
  assert.deepEqual(rules, [
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
    { apiGroups: ["admissionregistration.k8s.io"], resources: ["mutatingwebhookconfigurations"], verbs: ["create"] },
    {
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["mutatingwebhookconfigurations"],
      verbs: ["get", "delete"],
      resourceNames: ["nsm-mutating-webhook"],
    },
  ]);
});

test("the configuration ignores a webhook that does not answer, unless Fail is asked for, and then touches only Pods that ask", () => {
  const webhook = (more: object) =>
    (
      object(
        meshOf(upstream({ webhook: more })),
        "MutatingWebhookConfiguration",
        "nsm-mutating-webhook",
      ) as unknown as {
        webhooks: { failurePolicy: string; matchConditions: { expression: string }[] }[];
      }
    ).webhooks[0];
  assert.equal(webhook({})?.failurePolicy, "Ignore");
  const strict = webhook({ failurePolicy: "Fail" });
  assert.equal(strict?.failurePolicy, "Fail");
  assert.equal(
    strict.matchConditions[0]?.expression,
    'has(object.metadata.annotations) && "networkservicemesh.io" in object.metadata.annotations',
  );
});

test("a user's variables win over ours of the same name and stand once", () => {
  const mesh = meshOf(
    upstream({
      nsmgr: {
        envVars: [
          { name: "NSM_LOG_LEVEL", value: "TRACE" },
          { name: "MORE", value: "1" },
        ],
      },
    }),
  );
  assert.equal(env(container(mesh, "nsmgr")).NSM_LOG_LEVEL, "TRACE");
  assert.equal(env(container(mesh, "nsmgr")).MORE, "1");
  assert.equal(env(container(mesh, "nsmgr")).NSM_REGISTRY_URL, "registry:5002");
});

test("a registry's variable with an older release's prefix is passed under the current one, and the user is told", () => {
  const registry = { type: "k8s", envVars: [{ name: "REGISTRY_K8S_EXPIRE_PERIOD", value: "5m" }] };
  const normalised = normalise(parseNsm(upstream({ registry })));
  assert.ok(normalised.ok);
  assert.match(
    normalised.warnings[0]?.message ?? "",
    /REGISTRY_K8S_EXPIRE_PERIOD is called NSM_EXPIRE_PERIOD in v1\.18\.0/,
  );
  assert.equal(env(container(meshOf(upstream({ registry })), "registry-k8s")).NSM_EXPIRE_PERIOD, "5m");
});

test("resources of the user's replace ours", () => {
  const resources = { limits: { memory: "1Gi" } };
  const mesh = meshOf(upstream({ registry: { type: "k8s", resources }, forwarders: [{ type: "vpp", resources }] }));
  assert.deepEqual(container(mesh, "registry-k8s").resources, resources);
  assert.deepEqual(container(mesh, "forwarder-vpp").resources, resources);
});

test("several registries keep each client at one, are spread, and leave one by one", () => {
  const mesh = meshOf(upstream({ registry: { type: "k8s", replicaCount: 3 } }));
  const { spec } = object(mesh, "Service", "registry") as unknown as { spec: { sessionAffinity: string } };
  assert.equal(spec.sessionAffinity, "ClientIP");
  object(mesh, "PodDisruptionBudget", "registry");
});

test("a registry on the node's port is replaced, not doubled, on a full cluster", () => {
  const { spec } = workload(
    meshOf(upstream({ registry: { type: "k8s", hostPort: true } })),
    "registry-k8s",
  ) as unknown as {
    spec: { strategy: unknown };
  };
  assert.deepEqual(spec.strategy, { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } });
});

test("platforms set the kubelet's folder outside, not inside, and the prefixes that kubeadm does not tell", () => {
  const mesh = meshOf(upstream({ platform: { kind: "k0s" } }));
  const { volumes = [] } = workload(mesh, "forwarder-vpp").spec.template.spec;
  assert.equal(volumes.find(({ name }) => name === "kubelet-socket")?.hostPath?.path, "/var/lib/k0s/kubelet");
  assert.ok(container(mesh, "forwarder-vpp").volumeMounts?.some(({ mountPath }) => mountPath === "/var/lib/kubelet"));
  assert.equal(env(container(mesh, "nsmgr", 1)).NSM_EXCLUDED_PREFIXES, "10.244.0.0/16,10.96.0.0/12");
});

test("on OpenShift accounts may use the constraints that their Pods need, elsewhere there is no such role", () => {
  const uses = (kind: string): string[] =>
    objectsOf(meshOf(upstream({ platform: { kind } })))
      .filter((o) => o.kind === "Role" && o.metadata.name?.endsWith("-scc"))
      .map((o) => `${o.metadata.name} ${(o.rules as { resourceNames: string[] }[])[0]?.resourceNames[0]}`);
  assert.deepEqual(uses("openshift"), [
    "nsmgr-sa-scc privileged",
    "registry-k8s-sa-scc privileged",
    "forwarder-vpp-sa-scc privileged",
  ]);
  assert.deepEqual(uses("kubernetes"), []);
});

test("an own namespace lets the data plane's privileged Pods in", () => {
  const { metadata } = object(meshOf(upstream({ namespace: "nsm-system" })), "Namespace", "nsm-system");
  assert.equal(metadata.labels?.["pod-security.kubernetes.io/enforce"], "privileged");
});

test("a namespace that refuses privileged Pods is told of before they fail", () => {
  const normalised = normalise(parseNsm(upstream()), { podSecurity: "restricted" });
  assert.ok(normalised.ok);
  assert.match(normalised.warnings.at(-1)?.message ?? "", /set spec\.namespace to a namespace of its own/);
});

test("our own programs run from one image, each by its command, without SPIRE unless asked", () => {
  const mesh = meshOf(own());
  const containers = workloadsOf(mesh).flatMap(({ spec }) => spec.template.spec.containers);
  assert.deepEqual(
    containers.map(({ command, image }) => `${command?.join(" ")} ${image}`),
    ["nsm-registry", "nsmgr", "nsm-forwarder", "nsm-admission-webhook"].map(
      (name) => `${name} ghcr.io/nsmkit/nsmkit:v0.1.0`,
    ),
  );
  assert.ok(!JSON.stringify(mesh.phases).includes("spire-agent-socket"));
  assert.ok(JSON.stringify(meshOf(own({ spire: "external" })).phases).includes("spire-agent-socket"));
});

test("tracing wires every upstream program to the collector, under the name that its release reads", () => {
  const mesh = meshOf(upstream({ jaegerTracing: true }, "v1.13.0"));
  for (const name of ["nsmgr", "registry-k8s", "forwarder-vpp", "admission-webhook-k8s"]) {
    const variables = env(container(mesh, name));
    assert.equal(variables.TELEMETRY, "true");
    assert.equal(variables.NSM_OPENTELEMETRYENDPOINT, "otel-collector.default.svc:4317");
  }
  object(mesh, "Service", "otel-collector");
});

test("a managed SPIRE of an older release has the webhook without which its controller does not start", () => {
  const older = meshOf(upstream({ spire: "managed" }, "v1.14.5"));
  const { webhooks } = object(
    older,
    "ValidatingWebhookConfiguration",
    "spire-controller-manager-webhook",
  ) as unknown as {
    webhooks: { failurePolicy: string }[];
  };
  assert.deepEqual(
    webhooks.map(({ failurePolicy }) => failurePolicy),
    ["Ignore", "Ignore"],
  );
  const current = meshOf(upstream({ spire: "managed" }));
  assert.ok(!objectsOf(current).some(({ kind }) => kind === "ValidatingWebhookConfiguration"));
  assert.equal(env(container(current, "spire-server", 1)).ENABLE_WEBHOOKS, "false");
});

test("a socket that upstream's webhook cannot give to clients is told of", () => {
  const normalised = normalise(parseNsm(upstream({ spireAgentSocket: "unix:///run/other/api.sock" })));
  assert.ok(normalised.ok);
  assert.match(normalised.warnings[0]?.message ?? "", /make the socket available there too/);
});

test("registry and manager take entries of older endpoints while they are asked to, from v1.7.0 on", () => {
  const names = (version: string, relaxRegistryPolicies: boolean): string[] =>
    ["registry-k8s", "nsmgr"].flatMap((name) =>
      (container(buildMesh(specOf(upstream({}, version)), { relaxRegistryPolicies }), name).env ?? [])
        .map((variable) => variable.name)
        .filter((variable) => variable.endsWith("_POLICIES")),
    );
  const both = ["NSM_REGISTRY_SERVER_POLICIES", "NSM_REGISTRY_CLIENT_POLICIES"];
  assert.deepEqual(names("v1.7.1", true), [...both, ...both]);
  assert.deepEqual(names("v1.7.1", false), []);
  assert.deepEqual(names("v1.6.2", true), []);
});

test("an amount that Kubernetes does not know is refused with its field", () => {
  const resources = { limits: { memory: "100MB" } };
  const normalised = normalise(parseNsm(upstream({ forwarders: [{ type: "vpp", resources }] })));
  assert.ok(!normalised.ok);
  assert.deepEqual(normalised.problems, [
    {
      field: "spec.forwarders[0].resources.limits.memory",
      message: 'spec.forwarders[0].resources.limits.memory: "100MB" is no quantity; write an amount like 256Mi or 1Gi',
    },
  ]);
});

test("a configuration whose CA only its Pod knows stays while the Pod lives; others go while there is no backend", () => {
  const needs = (version: string): number | undefined => meshOf(upstream({}, version)).phases.at(-1)?.needs?.length;
  assert.deepEqual(["v1.2.0", "v1.3.0", "v1.11.2", "v1.12.0"].map(needs), [1, undefined, undefined, 1]);
});

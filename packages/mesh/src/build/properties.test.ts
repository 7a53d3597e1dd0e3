/** What holds for the objects of every mesh, whatever was asked for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  legacy,
  meshOf,
  nsmOf,
  objectsOf,
  own,
  specOf,
  upstream,
  type Workload,
  workloadsOf,
} from "../testing/documents.ts";
import { releaseFeatures, releases } from "../versions/releases.ts";
import { buildMesh } from "./build.ts";
import { meshLabel } from "./labels.ts";
import { type Mesh, phaseNames } from "./phase.ts";
import { meshResources, resourceOf } from "./resources.ts";

const platforms = ["kubernetes", "openshift", "k3s", "microk8s", "k0s"] as const;
const platform = fc.record(
  { kind: fc.constantFrom(...platforms), ipFamily: fc.constantFrom("IPv4", "IPv6") },
  { requiredKeys: ["kind"] },
);
const flag = fc.constantFrom<unknown>(true, false, "true", "false");
const optional = { requiredKeys: [] };

const legacyDocuments = fc
  .record(
    {
      registry: fc.constantFrom("docker.io", "registry.example.org:5000"),
      org: fc.constant("mirror"),
      tag: fc.constantFrom("master", "v0.2.0"),
      replicas: fc.integer({ min: 1, max: 3 }),
      webhookName: fc.constantFrom("nsm-admission-webhook", "other"),
      forwardingPlaneName: fc.constantFrom("vpp", "kernel"),
      spire: flag,
      jaegerTracing: flag,
      namespace: fc.constantFrom("nsm-system", "default", "spire"),
      platform,
    },
    optional,
  )
  .map((spec) => nsmOf({ registry: "docker.io", ...spec }));

const modernDocuments = fc
  .record(
    {
      version: fc.constantFrom(...releases.filter((release) => release !== "v1.0.0")),
      spire: fc.constantFrom("managed", "external"),
      spireAgentSocket: fc.constant("unix:///run/other/api.sock"),
      namespace: fc.constantFrom("nsm-system", "default", "spire"),
      registry: fc.constantFrom({ type: "k8s", replicaCount: 3 }, { type: "memory" }, { type: "k8s", hostPort: true }),
      forwarders: fc.uniqueArray(
        fc.record({ type: fc.constantFrom("vpp", "ovs", "sriov"), name: fc.constantFrom("fwd-a", "fwd-b", "fwd-c") }),
        { minLength: 1, maxLength: 3, selector: ({ name }) => name },
      ),
      webhook: fc.constantFrom<object>({}, { image: "example.org/webhook:1" }),
      jaegerTracing: flag,
      platform,
    },
    optional,
  )
  .map((spec) => nsmOf({ version: "v1.18.0", registry: { type: "k8s" }, forwarders: [{ type: "vpp" }], ...spec }));

const strictDocuments = fc
  .constantFrom(...releases.filter((release) => releaseFeatures(release)?.webhookMode === "external"))
  .map((version) => upstream({ webhook: { failurePolicy: "Fail", replicas: 2 } }, version));

const csiDocuments = fc
  .record({
    version: fc.constantFrom(...releases.filter((release) => releaseFeatures(release)?.csi)),
    spire: fc.constantFrom("managed", "external"),
    csiDrivers: fc.constant(true),
    namespace: fc.constantFrom("nsm-system", "default", "spire"),
    imageRepository: fc.constantFrom("registry.example.org/nsm", "mirror"),
    imagePullSecrets: fc.constantFrom<string[]>([], ["pull"]),
    platform,
  })
  .map(({ version, ...more }) => upstream(more, version));

const ownDocuments = fc
  .record(
    {
      spire: fc.constantFrom("managed", "external", "none"),
      registry: fc.constantFrom({ type: "k8s", replicaCount: 2 }, { type: "memory" }),
      webhook: fc.constantFrom<object>({}, { replicas: 2 }),
      platform,
    },
    optional,
  )
  .map((spec) => nsmOf({ provider: "nsmkit", registry: { type: "k8s" }, forwarders: [{ type: "kernel" }], ...spec }));

const documents = fc.oneof(legacyDocuments, modernDocuments, strictDocuments, csiDocuments, ownDocuments);
const holds = (title: string, check: (mesh: Mesh, document: unknown) => void): void => {
  test(title, () => {
    fc.assert(
      fc.property(documents, (document) => check(meshOf(document), document)),
      { numRuns: 150 },
    );
  });
};

describe("every mesh", () => {
  holds("has no two objects of one name", (mesh) => {
    const names = objectsOf(mesh).map((o) => `${o.apiVersion} ${o.kind} ${o.metadata.namespace}/${o.metadata.name}`);
    assert.equal(new Set(names).size, names.length);
  });

  holds("carries its marks on every object and every Pod", (mesh) => {
    for (const { kind, metadata } of objectsOf(mesh)) {
      const { labels = {} } = metadata;
      assert.equal(labels["app.kubernetes.io/managed-by"], "nsm-operator", kind);
      assert.equal(labels["app.kubernetes.io/part-of"], "network-service-mesh", kind);
      for (const key of [meshLabel, "app.kubernetes.io/component", "app.kubernetes.io/version"]) {
        assert.match(labels[key] ?? "", /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, `${kind} ${key}`);
      }
    }
    for (const { spec } of workloadsOf(mesh)) assert.ok(spec.template.metadata.labels[meshLabel]);
  });

  holds("selects each workload's own Pods and no other's", (mesh) => {
    const workloads = workloadsOf(mesh);
    const picks = (one: Workload, other: Workload): boolean =>
      one.metadata.namespace === other.metadata.namespace &&
      Object.entries(one.spec.selector.matchLabels).every(
        ([key, value]) => other.spec.template.metadata.labels[key] === value,
      );
    for (const one of workloads) {
      assert.deepEqual(
        workloads.filter((other) => picks(one, other)).map(({ metadata }) => metadata.name),
        [one.metadata.name],
      );
    }
  });

  holds("grants no verb, resource or group by *", (mesh) => {
    for (const { kind, metadata, rules } of objectsOf(mesh)) {
      assert.ok(!JSON.stringify(rules ?? []).includes('"*"'), `${kind} ${metadata.name}`);
    }
  });

  holds("has every service account that Pods and bindings name", (mesh) => {
    const objects = objectsOf(mesh);
    const accounts = new Set(
      objects
        .filter(({ kind }) => kind === "ServiceAccount")
        .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
    );
    for (const { metadata, spec } of workloadsOf(mesh)) {
      assert.ok(accounts.has(`${metadata.namespace}/${spec.template.spec.serviceAccountName}`), metadata.name);
    }
    for (const { kind, metadata, subjects, roleRef } of objects) {
      if (!kind.endsWith("RoleBinding")) continue;
      const { name, kind: roleKind } = roleRef as { name: string; kind: string };
      const at = roleKind === "Role" ? metadata.namespace : undefined;
      assert.ok(
        objects.some((o) => o.kind === roleKind && o.metadata.name === name && o.metadata.namespace === at),
        name,
      );
      for (const subject of subjects as { name: string; namespace: string }[]) {
        assert.ok(accounts.has(`${subject.namespace}/${subject.name}`), `${metadata.name} binds ${subject.name}`);
      }
    }
  });

  holds("gives no two programs one account", (mesh) => {
    const users = workloadsOf(mesh).filter(({ metadata }) => !["jaeger", "otel-collector"].includes(metadata.name));
    const names = users.map(({ metadata, spec }) => `${metadata.namespace}/${spec.template.spec.serviceAccountName}`);
    assert.equal(new Set(names).size, names.length);
  });

  holds("has a container port behind every Service's port", (mesh) => {
    for (const { kind, metadata, spec } of objectsOf(mesh)) {
      if (kind !== "Service") continue;
      const service = spec as { selector: Record<string, string>; ports: { targetPort: number }[] };
      const backend = workloadsOf(mesh).filter(
        (one) =>
          one.metadata.namespace === metadata.namespace &&
          Object.entries(service.selector).every(([k, v]) => one.spec.template.metadata.labels[k] === v),
      );
      assert.equal(backend.length, 1, `${metadata.name} has one backend`);
      const ports = backend.flatMap((one) =>
        one.spec.template.spec.containers.flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort)),
      );
      for (const { targetPort } of service.ports)
        assert.ok(ports.includes(targetPort), `${metadata.name} ${targetPort}`);
    }
  });

  holds("mounts only volumes that the Pod has, and gives no variable twice", (mesh) => {
    for (const { metadata, spec } of workloadsOf(mesh)) {
      const volumes = [
        ...(spec.template.spec.volumes ?? []).map(({ name }) => name),
        ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name),
      ];
      assert.equal(new Set(volumes).size, volumes.length, metadata.name);
      for (const { name, env = [], volumeMounts = [] } of spec.template.spec.containers) {
        for (const mount of volumeMounts)
          assert.ok(volumes.includes(mount.name), `${metadata.name}/${name} ${mount.name}`);
        const variables = env.map((variable) => variable.name);
        assert.equal(new Set(variables).size, variables.length, `${metadata.name}/${name}`);
        for (const variable of env) assert.ok((variable.value === undefined) !== (variable.valueFrom === undefined));
      }
    }
  });

  holds("has every ConfigMap and Secret that its Pods mount", (mesh) => {
    const objects = objectsOf(mesh);
    for (const { metadata, spec } of workloadsOf(mesh)) {
      for (const volume of (spec.template.spec.volumes ?? []) as readonly {
        configMap?: { name: string };
        secret?: { secretName: string };
      }[]) {
        for (const [kind, name] of [
          ["ConfigMap", volume.configMap?.name],
          ["Secret", volume.secret?.secretName],
        ]) {
          if (name === undefined) continue;
          assert.ok(
            objects.some(
              (o) => o.kind === kind && o.metadata.name === name && o.metadata.namespace === metadata.namespace,
            ),
            `${metadata.name} mounts ${kind} ${name}`,
          );
        }
      }
    }
  });

  holds("is built in phases of the known order, the webhook's configuration last and only with its backend", (mesh) => {
    const order = mesh.phases.map(({ name }) => phaseNames.indexOf(name));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    for (const { name, objects, needs = [] } of mesh.phases) {
      assert.ok(objects.length > 0, name);
      if (!objects.some(({ kind }) => kind === "MutatingWebhookConfiguration")) continue;
      assert.equal(name, mesh.phases.at(-1)?.name);
      const policies = objects.flatMap(({ webhooks }) =>
        (webhooks as { failurePolicy: string }[]).map((w) => w.failurePolicy),
      );
      assert.ok(needs.length === 1 || policies.every((policy) => policy === "Ignore"));
    }
  });

  holds("consists of kinds that the operator is told of", (mesh) => {
    for (const object of objectsOf(mesh)) {
      const { group, plural } = resourceOf(object);
      assert.ok(
        meshResources.some((known) => known.group === group && known.plural === plural),
        object.kind,
      );
    }
  });

  holds("never builds or owns the namespace of its NSM", (mesh) => {
    assert.ok(!objectsOf(mesh).some(({ kind, metadata }) => kind === "Namespace" && metadata.name === "default"));
  });

  test("is the same when it is built again", () => {
    fc.assert(
      fc.property(documents, (document) => assert.deepEqual(meshOf(document), meshOf(document))),
      { numRuns: 50 },
    );
  });
});

for (const version of releases) {
  test(`every variable of ${version}'s registries has the release's prefix`, () => {
    const features = releaseFeatures(version);
    assert.ok(features);
    for (const type of ["k8s", "memory"] as const) {
      const mesh = meshOf(upstream({ registry: { type } }, version));
      const prefix: string = type === "k8s" ? features.registryK8sPrefix : features.registryMemoryPrefix;
      const registry = workloadsOf(mesh).find(({ metadata }) => metadata.name.startsWith("registry"));
      const names =
        registry?.spec.template.spec.containers.flatMap(({ env = [] }) => env.map(({ name }) => name)) ?? [];
      const others: string[] = names.filter((name) => !name.startsWith(prefix) && name !== "SPIFFE_ENDPOINT_SOCKET");
      assert.deepEqual(others, []);
      assert.ok(names.includes(`${prefix}LISTEN_ON`));
    }
  });
}

test("an object in the NSM's namespace is owned by it once it is stored, and no other is", () => {
  const document = upstream({ spire: "managed" }) as { metadata: object };
  const mesh = meshOf({ ...document, metadata: { ...document.metadata, uid: "u-1" } });
  for (const { metadata } of objectsOf(mesh)) {
    const owners = (metadata.ownerReferences ?? []).map(({ uid }) => uid);
    assert.deepEqual(owners, metadata.namespace === "default" ? ["u-1"] : []);
  }
});

test("no object is owned while the NSM is not stored", () => {
  for (const document of [legacy(), upstream(), own()]) {
    for (const { metadata } of objectsOf(meshOf(document))) assert.equal(metadata.ownerReferences, undefined);
  }
});

test("without certificates the mesh asks for them and builds neither the Secret nor a CA", () => {
  const bare = buildMesh(specOf(upstream()));
  assert.equal(bare.certificates.length, 1);
  assert.ok(!objectsOf(bare).some(({ kind }) => kind === "Secret"));
  assert.ok(!JSON.stringify(bare.phases).includes("caBundle"));
});

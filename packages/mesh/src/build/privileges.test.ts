/** What the programs of any mesh may do: on the API server, and on the nodes. What stands out has its reason here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { meshOf, objectsOf, workloadsOf } from "../testing/documents.ts";
import { everyDocument } from "../testing/everything.ts";
import type { Mesh, MeshObject } from "./phase.ts";
import type { Rule } from "./rbac.ts";

const platforms = ["kubernetes", "openshift"] as const;
const meshes = (platform: string): ReadonlyMap<string, Mesh> =>
  new Map([...everyDocument(platform)].map(([title, document]) => [title, meshOf(document)]));
const all = new Map(platforms.map((platform) => [platform, meshes(platform)]));
const everyMesh = [...all.values()].flatMap((some) => [...some.values()]);

const reading = new Set(["get", "list", "watch"]);
/** Resources whose reading alone gives power: secrets, the kubelet's interface, and what reviews tokens. */
const sensitive = /^(secrets|configmaps|nodes\/proxy|serviceaccounts\/token|pods\/(exec|attach|proxy|log))$/;

/** Rights that change something or give power, as "role: verb resource.group (names)". */
function standingOut({ kind, metadata, rules }: MeshObject): readonly string[] {
  if (kind !== "ClusterRole" && kind !== "Role") return [];
  return (rules as readonly Rule[]).flatMap(({ apiGroups, resources, verbs, resourceNames }) =>
    resources.flatMap((resource) =>
      verbs
        .filter((verb) => !reading.has(verb) || sensitive.test(resource))
        .map((verb) => {
          const group = apiGroups[0] === "" ? "" : `.${apiGroups[0]}`;
          const names = resourceNames ? ` (${resourceNames.join(", ")})` : "";
          const role = metadata.name?.endsWith("-scc") ? "an OpenShift role" : `${kind} ${metadata.name}`;
          return `${role}: ${verb} ${resource}${group}${names}`;
        }),
    ),
  );
}

const times = (verbs: readonly string[], right: (verb: string) => string, reason: string): [string, string][] =>
  verbs.map((verb) => [right(verb), reason]);
const changes = ["create", "update", "patch", "delete"];
const entries = ["networkservices", "networkserviceendpoints"];
const identities = ["clusterspiffeids", "clusterfederatedtrustdomains", "clusterstaticentries"];

const reasons = new Map<string, string>([
  ...entries.flatMap((plural) => [
    ...times(
      changes,
      (verb) => `ClusterRole nsm-registry: ${verb} ${plural}.networkservicemesh.io`,
      "upstream's store",
    ),
    ...times(
      ["create", "patch", "delete"],
      (verb) => `Role nsm-registry: ${verb} ${plural}.networkservicemesh.io`,
      "our registry's store",
    ),
  ]),
  ...[...entries, "networkservicemanagers"].flatMap((plural) =>
    times(changes, (verb) => `ClusterRole nsm-role: ${verb} ${plural}.networkservicemesh.io`, "v0.2's store"),
  ),
  ["ClusterRole nsm-role: create customresourcedefinitions.apiextensions.k8s.io", "v0.2 makes its definitions itself"],
  ["ClusterRole nsm-role: get configmaps", "v0.2 reads kubeadm's ConfigMap"],
  ...times(
    ["get", "list", "watch"],
    (verb) => `Role nsm-excluded-prefixes: ${verb} configmaps`,
    "the collector reads kubeadm's ConfigMap and the user's, each in a namespace of its own",
  ),
  [
    "ClusterRole nsm-admission-webhook: create mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "webhooks before v1.12.0 register themselves; what is created has no name for RBAC",
  ],
  ...times(
    ["get", "delete"],
    (verb) =>
      `ClusterRole nsm-admission-webhook: ${verb} mutatingwebhookconfigurations.admissionregistration.k8s.io (nsm-mutating-webhook)`,
    "webhooks before v1.12.0 replace what an earlier Pod registered",
  ).filter(([right]) => !right.includes(": get ")),
  [
    "ClusterRole nsm-spire-server: create tokenreviews.authentication.k8s.io",
    "SPIRE's agents are known by their tokens",
  ],
  ...identities.flatMap((plural): [string, string][] => [
    ...times(
      ["update", "patch"],
      (verb) => `ClusterRole nsm-spire-server: ${verb} ${plural}.spire.spiffe.io`,
      "finalizers",
    ),
    [`ClusterRole nsm-spire-server: update ${plural}/finalizers.spire.spiffe.io`, "its controller owns them"],
    ...times(
      ["update", "patch"],
      (verb) => `ClusterRole nsm-spire-server: ${verb} ${plural}/status.spire.spiffe.io`,
      "its controller says what it did",
    ),
  ]),
  [
    "ClusterRole nsm-spire-server: patch validatingwebhookconfigurations.admissionregistration.k8s.io",
    "controllers before 0.5.0 complete their webhook's CA",
  ],
  ...times(
    ["get", "patch"],
    (verb) => `Role spire-server: ${verb} configmaps (spire-bundle)`,
    "it publishes its bundle",
  ),
  ...times(
    changes,
    (verb) => `Role spire-server: ${verb} leases.coordination.k8s.io`,
    "its controller elects a leader",
  ),
  ...times(["create", "patch"], (verb) => `Role spire-server: ${verb} events`, "its controller tells of what it did"),
  ["ClusterRole nsm-spire-agent: get nodes/proxy", "the kubelet tells agents which Pods run; it asks for this right"],
  ["an OpenShift role: use securitycontextconstraints.security.openshift.io (privileged)", "Pods that use the node"],
  [
    "an OpenShift role: use securitycontextconstraints.security.openshift.io (anyuid)",
    "v0.2's webhook binds 443 as root",
  ],
]);

test("every right that changes something or gives power has a reason, and each reason is still needed", () => {
  const given = new Set(everyMesh.flatMap((mesh) => objectsOf(mesh).flatMap(standingOut)));
  assert.deepEqual([...given].sort(), [...reasons.keys()].sort());
});

test("nobody may read a secret, act for others, or give rights on", () => {
  for (const mesh of everyMesh) {
    for (const { kind, metadata, rules } of objectsOf(mesh)) {
      if (kind !== "ClusterRole" && kind !== "Role") continue;
      const text = JSON.stringify(rules);
      assert.doesNotMatch(text, /"(\*|secrets|impersonate|escalate|bind|users|groups|rolebindings|clusterroles)"/);
      assert.ok(!metadata.labels?.["rbac.authorization.k8s.io/aggregate-to-admin"], `${metadata.name} is aggregated`);
    }
  }
});

test("a program without rights gets no token", () => {
  for (const mesh of everyMesh) {
    const objects = objectsOf(mesh);
    const bound = new Set(
      objects
        .filter(({ kind, metadata }) => kind.endsWith("RoleBinding") && !metadata.name?.endsWith("-scc"))
        .flatMap(({ subjects }) =>
          (subjects as { name: string; namespace: string }[]).map((s) => `${s.namespace}/${s.name}`),
        ),
    );
    for (const { kind, metadata, automountServiceAccountToken } of objects) {
      if (kind !== "ServiceAccount") continue;
      const name = `${metadata.namespace}/${metadata.name}`;
      assert.equal(automountServiceAccountToken, bound.has(name), name);
    }
  }
});

/** What Pods have of their node, and why. */
const hostReasons: Readonly<Record<"hostPID" | "hostNetwork" | "privileged", Readonly<Record<string, string>>>> = {
  hostPID: {
    "forwarder-vpp": "finds the network namespaces of Pods by their processes",
    "forwarder-ovs": "the same",
    "forwarder-kernel": "the same",
    "nsm-vpp-forwarder": "the same",
    "spire-agent": "knows workloads by their processes",
  },
  hostNetwork: {
    "forwarder-vpp": "its tunnels end on the node",
    "forwarder-ovs": "the same",
    "forwarder-kernel": "the same",
    "forwarder-sriov": "gives away interfaces of the node",
    "nsm-vpp-forwarder": "its tunnels end on the node",
    "spire-agent": "reaches its own node's kubelet",
  },
  privileged: {
    "forwarder-vpp": "moves interfaces between namespaces",
    "forwarder-ovs": "the same",
    "forwarder-kernel": "the same",
    "forwarder-sriov": "the same",
    "nsm-vpp-forwarder": "the same",
    "nsm-csi": "mounts into Pods",
    "spiffe-csi-driver": "the same",
  },
};
/** On OpenShift alone, where SELinux keeps others from sockets of the kubelet. */
const privilegedOnOpenShift = ["nsmgr of v0.2"];

for (const [right, names] of Object.entries(hostReasons)) {
  test(`${right} is given to those that need it, and to nobody else`, () => {
    const found = new Set<string>();
    for (const [platform, some] of all) {
      for (const [title, mesh] of some) {
        for (const { metadata, spec } of workloadsOf(mesh)) {
          const pod = spec.template.spec as unknown as Readonly<Record<string, unknown>>;
          const has =
            pod[right] === true ||
            spec.template.spec.containers.some(
              ({ securityContext }) => (securityContext as Record<string, unknown> | undefined)?.[right] === true,
            );
          if (!has) continue;
          const legacyManager = metadata.name === "nsmgr" && title.startsWith("v0.2");
          if (right === "privileged" && platform === "openshift" && legacyManager) {
            assert.ok(privilegedOnOpenShift.includes("nsmgr of v0.2"));
            continue;
          }
          found.add(metadata.name);
        }
      }
    }
    assert.deepEqual([...found].sort(), Object.keys(names).sort());
  });
}

test("before v1.3.0 forwarder-vpp does not see the node's processes", () => {
  const mesh = all.get("kubernetes")?.get("v1.2.0 with a registry in k8s");
  assert.ok(mesh);
  const vpp = workloadsOf(mesh).find(({ metadata }) => metadata.name === "forwarder-vpp");
  assert.equal(vpp?.spec.template.spec.hostPID, undefined);
});

interface PodSpec {
  readonly serviceAccountName: string;
  readonly hostPID?: boolean;
  readonly hostNetwork?: boolean;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
  readonly containers: readonly {
    readonly ports?: readonly { readonly hostPort?: number }[];
    readonly securityContext?: Readonly<Record<string, unknown>>;
  }[];
}

/**
 * Why OpenShift's constraints would refuse a Pod: "restricted-v2", which everybody may use, or "anyuid" for who may
 * (docs.openshift.com, managing security context constraints). Whoever may use "privileged" is refused nothing.
 */
function refusal(pod: PodSpec, constraints: "restricted-v2" | "anyuid"): string | undefined {
  const contexts = pod.containers.map(({ securityContext = {} }) => securityContext);
  if (pod.hostPID || pod.hostNetwork) return "the node's namespaces";
  if (pod.volumes?.some((volume) => "hostPath" in volume)) return "hostPath";
  if (pod.containers.some(({ ports = [] }) => ports.some(({ hostPort }) => hostPort !== undefined))) return "hostPort";
  if (contexts.some(({ privileged }) => privileged)) return "privileged";
  if ([pod.securityContext ?? {}, ...contexts].some(({ seLinuxOptions }) => seLinuxOptions)) return "seLinuxOptions";
  for (const { capabilities } of contexts) {
    const { add = [] } = (capabilities ?? {}) as { add?: readonly string[] };
    const allowed = constraints === "restricted-v2" ? ["NET_BIND_SERVICE"] : [];
    if (add.some((one) => !allowed.includes(one))) return `capabilities ${add.join()}`;
  }
  if (constraints === "anyuid") return contexts.some(({ seccompProfile }) => seccompProfile) ? "seccomp" : undefined;
  const { fsGroup, runAsUser } = pod.securityContext ?? {};
  return fsGroup !== undefined || runAsUser !== undefined ? "a group or user of its own" : undefined;
}

test("OpenShift admits every Pod by constraints that its account may use, and gives no account more than that", () => {
  for (const [title, mesh] of all.get("openshift") ?? []) {
    const uses = new Map(
      objectsOf(mesh)
        .filter(({ kind, metadata }) => kind === "Role" && metadata.name?.endsWith("-scc"))
        .map(({ metadata, rules }) => [
          `${metadata.namespace}/${metadata.name?.replace(/-scc$/, "")}`,
          (rules as readonly Rule[])[0]?.resourceNames?.[0],
        ]),
    );
    for (const { metadata, spec } of workloadsOf(mesh)) {
      const pod = spec.template.spec as unknown as PodSpec;
      const may = uses.get(`${metadata.namespace}/${pod.serviceAccountName}`);
      const why = refusal(pod, "restricted-v2");
      const legacyWebhook = metadata.name === "nsm-admission-webhook" && title.startsWith("v0.2");
      if (may === "privileged") assert.ok(why !== undefined, `${title}: ${metadata.name} needs no constraints`);
      else if (legacyWebhook) assert.deepEqual([may, refusal(pod, "anyuid")], ["anyuid", undefined]);
      else assert.deepEqual([may, why], [undefined, undefined], `${title}: ${metadata.name}`);
    }
  }
});

test("on OpenShift who touches sockets or folders of the node has the SELinux type that may, or is privileged", () => {
  for (const [title, mesh] of all.get("openshift") ?? []) {
    for (const { metadata, spec } of workloadsOf(mesh)) {
      const { volumes = [], containers } = spec.template.spec;
      const host = new Set(volumes.filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name));
      for (const { volumeMounts = [], securityContext } of containers) {
        if (!volumeMounts.some(({ name }) => host.has(name))) continue;
        const { privileged, seLinuxOptions } = (securityContext ?? {}) as {
          privileged?: boolean;
          seLinuxOptions?: { type: string };
        };
        assert.ok(privileged === true || seLinuxOptions?.type === "spc_t", `${title}: ${metadata.name}`);
      }
    }
  }
});

test("namespaces that the mesh makes let its Pods in, whatever the cluster enforces, and say so to OpenShift", () => {
  for (const [platform, some] of all) {
    for (const mesh of some.values()) {
      for (const { kind, metadata } of objectsOf(mesh)) {
        if (kind !== "Namespace") continue;
        for (const mode of ["enforce", "audit", "warn"]) {
          assert.equal(metadata.labels?.[`pod-security.kubernetes.io/${mode}`], "privileged");
        }
        const sync = metadata.labels?.["security.openshift.io/scc.podSecurityLabelSync"];
        assert.equal(sync, platform === "openshift" ? "false" : undefined);
      }
    }
  }
});

test("no webhook of any release can hold up a Pod of the system, of the mesh, or of who does not ask for the mesh", () => {
  for (const mesh of everyMesh) {
    for (const { kind, metadata, webhooks } of objectsOf(mesh)) {
      if (!kind.endsWith("WebhookConfiguration")) continue;
      for (const webhook of webhooks as readonly Record<string, unknown>[]) {
        assert.equal(webhook.failurePolicy, "Ignore", metadata.name ?? "");
        if (kind !== "MutatingWebhookConfiguration") continue;
        assert.match(JSON.stringify(webhook.namespaceSelector), /kube-system/);
        assert.match(JSON.stringify(webhook.objectSelector), /DoesNotExist/);
        assert.ok((webhook.timeoutSeconds as number) <= 3);
        const rules = webhook.rules as { resources: string[]; operations: string[] }[];
        const ofPods = rules.filter(({ resources }) => resources.includes("pods"));
        assert.deepEqual(
          ofPods.flatMap(({ operations }) => operations),
          ["CREATE"],
        );
      }
    }
  }
});

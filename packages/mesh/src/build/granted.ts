import { parseNsm } from "../crd/parse.ts";
import { normalise } from "../spec/normalise.ts";
import { releases } from "../versions/releases.ts";
import { buildMesh } from "./build.ts";
import type { MeshObject } from "./phase.ts";
import type { Rule } from "./rbac.ts";

/**
 * Every right that a mesh of any form gives to its programs, each once. Kubernetes lets nobody give what he does not
 * have himself, so whoever applies meshes needs all of these.
 */
export function grantedRules(): readonly Rule[] {
  const rules = new Map<string, Rule>();
  for (const spec of everyForm()) {
    const document = {
      apiVersion: "nsm.networkservicemesh.io/v1alpha1",
      kind: "NSM",
      metadata: { name: "nsm", namespace: "default" },
      spec,
    };
    const normalised = normalise(parseNsm(document));
    if (!normalised.ok) throw new RangeError(normalised.problems.map(({ message }) => message).join("; "));
    for (const { objects } of buildMesh(normalised.spec).phases) {
      for (const rule of objects.flatMap(rulesOf)) rules.set(JSON.stringify(rule), rule);
    }
  }
  return [...rules.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
}

function rulesOf({ kind, rules }: MeshObject): readonly Rule[] {
  return kind === "Role" || kind === "ClusterRole" ? (rules as readonly Rule[]) : [];
}

/** Documents that between them use every component, on OpenShift, where there are most roles. */
function everyForm(): readonly Readonly<Record<string, unknown>>[] {
  const platform = { kind: "openshift" };
  const types = ["k8s", "memory"] as const;
  return [
    { registry: "docker.io", spire: true, jaegerTracing: true, platform },
    {
      provider: "nsmkit",
      spire: "managed",
      registry: { type: "k8s" },
      forwarders: [{ type: "kernel" }],
      webhook: {},
      platform,
    },
    ...releases.flatMap((version) =>
      types.map((type) => ({
        ...{ version, spire: "managed", jaegerTracing: true, webhook: {}, platform },
        registry: { type, hostPort: true },
        forwarders: [{ type: "vpp" }, { type: "sriov" }],
      })),
    ),
    { version: "v1.18.0", registry: { type: "k8s" }, forwarders: [{ type: "ovs" }], webhook: {}, platform },
  ];
}

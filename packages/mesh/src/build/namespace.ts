import type { MeshSpec } from "../spec/mesh-spec.ts";
import { meshObject } from "./object.ts";
import type { MeshObject } from "./phase.ts";

/**
 * A namespace of the mesh's own, for Pods with the node's network and folders. The NSM's own namespace is never built:
 * it is somebody else's, and removing the mesh must not remove it.
 */
export function namespace(mesh: MeshSpec, name: string, component: string): MeshObject[] {
  if (name === mesh.owner.namespace) return [];
  const labels = Object.fromEntries(
    ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "privileged"]),
  );
  // OpenShift would else write these labels itself, by what the accounts may do.
  const openshift = { "security.openshift.io/scc.podSecurityLabelSync": "false" };
  return [
    meshObject(mesh, "Namespace", name, {
      component,
      labels: { ...labels, ...(mesh.platform.kind === "openshift" && openshift) },
    }),
  ];
}

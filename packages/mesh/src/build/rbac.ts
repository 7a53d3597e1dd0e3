import type { MeshSpec } from "../spec/mesh-spec.ts";
import { meshObject } from "./object.ts";
import type { MeshObject } from "./phase.ts";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly Verb[];
}
/** Enumerated: nothing here can ask for "*". */
export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "use";

export const rule = (group: string, resources: readonly string[], verbs: readonly Verb[]): Rule => ({
  apiGroups: [group],
  resources,
  verbs,
});
export const read: readonly Verb[] = ["get", "list", "watch"];
export const write: readonly Verb[] = ["get", "list", "watch", "create", "update", "patch", "delete"];

export interface Subject {
  readonly account: string;
  /** Default: the mesh's. */
  readonly namespace?: string;
}

export function serviceAccount(
  mesh: MeshSpec,
  name: string,
  component: string,
  options: { readonly usesApi: boolean; readonly namespace?: string },
): MeshObject {
  const { usesApi, namespace } = options;
  return meshObject(
    mesh,
    "ServiceAccount",
    name,
    { component, ...(namespace !== undefined && { namespace }) },
    { automountServiceAccountToken: usesApi },
  );
}

/** A role for the whole cluster and its binding, under one name. */
export function clusterRole(
  mesh: MeshSpec,
  name: string,
  component: string,
  subject: Subject,
  rules: readonly Rule[],
): MeshObject[] {
  return [
    meshObject(mesh, "ClusterRole", name, { component }, { rules }),
    meshObject(mesh, "ClusterRoleBinding", name, { component }, binding(mesh, "ClusterRole", name, subject)),
  ];
}

/** A role in one namespace and its binding, under one name. */
export function role(
  mesh: MeshSpec,
  name: string,
  component: string,
  subject: Subject,
  rules: readonly Rule[],
  namespace: string = mesh.namespace,
): MeshObject[] {
  const options = { component, namespace };
  return [
    meshObject(mesh, "Role", name, options, { rules }),
    meshObject(mesh, "RoleBinding", name, options, binding(mesh, "Role", name, subject)),
  ];
}

function binding(mesh: MeshSpec, kind: "Role" | "ClusterRole", name: string, { account, namespace }: Subject) {
  return {
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
    subjects: [{ kind: "ServiceAccount", name: account, namespace: namespace ?? mesh.namespace }],
  };
}

/** OpenShift admits Pods by security context constraints, which an account must be allowed to use. */
export function allowConstraints(
  mesh: MeshSpec,
  account: string,
  component: string,
  constraints: "privileged" | "anyuid",
  namespace: string = mesh.namespace,
): MeshObject[] {
  if (mesh.platform.kind !== "openshift") return [];
  const use: Rule = {
    apiGroups: ["security.openshift.io"],
    resources: ["securitycontextconstraints"],
    resourceNames: [constraints],
    verbs: ["use"],
  };
  return role(mesh, `${account}-scc`, component, { account, namespace }, [use], namespace);
}

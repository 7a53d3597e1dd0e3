import type { MeshSpec } from "../spec/mesh-spec.ts";
import { labelsOf, meshLabel } from "./labels.ts";
import type { MeshObject, ObjectRef } from "./phase.ts";

/** What differs between the objects of one kind. */
export interface ObjectOptions {
  readonly component: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Default: the mesh's namespace. */
  readonly namespace?: string;
}

type Body = Readonly<Record<string, unknown>>;

const kinds = {
  ClusterRole: "rbac.authorization.k8s.io/v1",
  ClusterRoleBinding: "rbac.authorization.k8s.io/v1",
  ConfigMap: "v1",
  CSIDriver: "storage.k8s.io/v1",
  CustomResourceDefinition: "apiextensions.k8s.io/v1",
  DaemonSet: "apps/v1",
  Deployment: "apps/v1",
  MutatingWebhookConfiguration: "admissionregistration.k8s.io/v1",
  Namespace: "v1",
  PodDisruptionBudget: "policy/v1",
  Role: "rbac.authorization.k8s.io/v1",
  RoleBinding: "rbac.authorization.k8s.io/v1",
  Secret: "v1",
  Service: "v1",
  ServiceAccount: "v1",
  StatefulSet: "apps/v1",
  ValidatingWebhookConfiguration: "admissionregistration.k8s.io/v1",
  ClusterSPIFFEID: "spire.spiffe.io/v1alpha1",
} as const;
export type MeshKind = keyof typeof kinds;

const clusterScoped: ReadonlySet<MeshKind> = new Set([
  "ClusterRole",
  "ClusterRoleBinding",
  "CSIDriver",
  "CustomResourceDefinition",
  "MutatingWebhookConfiguration",
  "ValidatingWebhookConfiguration",
  "Namespace",
  "ClusterSPIFFEID",
]);

/** An object of this mesh with its marks. Only what is in the NSM's own namespace is owned by it, as Kubernetes demands. */
export function meshObject(
  mesh: MeshSpec,
  kind: MeshKind,
  name: string,
  options: ObjectOptions,
  body: Body = {},
): MeshObject {
  const namespace = clusterScoped.has(kind) ? undefined : (options.namespace ?? mesh.namespace);
  const { uid } = mesh.owner;
  const owned = uid !== undefined && namespace === mesh.owner.namespace;
  return {
    apiVersion: kinds[kind],
    kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: { ...options.labels, ...labelsOf(mesh, options.component) },
      ...(options.annotations && { annotations: options.annotations }),
      ...(owned && {
        ownerReferences: [
          {
            apiVersion: "nsm.networkservicemesh.io/v1alpha1",
            kind: "NSM",
            name: mesh.name,
            uid,
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      }),
    },
    ...body,
  };
}

export function refOf({ apiVersion, kind, metadata }: MeshObject): ObjectRef {
  const { name = "", namespace } = metadata;
  return { apiVersion, kind, ...(namespace !== undefined && { namespace }), name };
}

/** A Pod template's metadata: the labels that select it, those of the mesh, and more. */
export function podMetadata(
  mesh: MeshSpec,
  component: string,
  selector: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
  annotations?: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  return { labels: { ...labelsOf(mesh, component), ...more, ...selector }, ...(annotations && { annotations }) };
}

/** Finds Pods that are not of any mesh: the webhooks must not wait for themselves. */
export const notOfAMesh = { matchExpressions: [{ key: meshLabel, operator: "DoesNotExist" }] } as const;

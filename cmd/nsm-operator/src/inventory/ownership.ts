/**
 * Whose an object is. Objects of a mesh carry its label: cluster-scoped ones cannot be owned by a namespaced resource
 * (the garbage collector takes such an owner for gone), and one rule for all is simpler than two.
 */
import { appliedFields, type KubeObject, type ManagedFields, type UnknownObject } from "@nsmkit/kube";
import { adoptAnnotation, fieldManager, managedBy, meshLabel } from "../mesh/marks.ts";

/** `namespace/name` of the NSM resource, for people and for finding it again. */
export const ownerAnnotation = "nsm.networkservicemesh.io/owner";
/** "true" on an object of somebody else lets the mesh take it over. */
export { adoptAnnotation };

const managedByLabel = "app.kubernetes.io/managed-by";

/** What every informer selects by. */
export const ownedSelector = `${managedByLabel}=${managedBy},${meshLabel}`;

export const meshOf = (object: KubeObject): string | undefined => object.metadata.labels?.[meshLabel];

/** The object with our marks; labels of a Pod template and selectors stay as they are. */
export function marked(object: UnknownObject, mesh: KubeObject, label: string): UnknownObject {
  const { metadata } = object;
  const labels = { ...metadata.labels, [managedByLabel]: managedBy, [meshLabel]: label };
  const annotations = {
    ...metadata.annotations,
    [ownerAnnotation]: `${mesh.metadata.namespace}/${mesh.metadata.name}`,
  };
  return { ...object, metadata: { ...metadata, labels, annotations } };
}

/** Label selector of one mesh's objects. */
export const selectorOf = (label: string): string => `${managedByLabel}=${managedBy},${meshLabel}=${label}`;

/**
 * Whether a live object was made by this operator or may be taken over. A label alone can be copied by anybody; but claims
 * have nothing else, as the controller of StatefulSets makes them of our template.
 */
export const isOurs = (live: KubeObject): boolean =>
  appliedFields(live, fieldManager) !== undefined ||
  live.metadata.annotations?.[adoptAnnotation] === "true" ||
  (live.kind === "PersistentVolumeClaim" && live.metadata.labels?.[managedByLabel] === managedBy);

/** Keeps of the managed fields only ours: they are most of an object's size, and others' are never read. */
export function slim(object: UnknownObject): UnknownObject {
  const own = (entry: ManagedFields): boolean => entry.manager === fieldManager && entry.operation === "Apply";
  const managedFields = object.metadata.managedFields?.filter(own) ?? [];
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

export { fieldManager };

/** Whether a program of the mesh makes this object for itself: it is taken over, and never made. */
export const isSelfMade = (desired: KubeObject): boolean => desired.metadata.annotations?.[adoptAnnotation] === "only";

interface Webhooks {
  readonly webhooks?: readonly { readonly name?: string; readonly clientConfig?: { readonly service?: object } }[];
}

/** A configuration of the same webhooks, served by the same Service: what the program of this mesh has made. */
export function isSelfMadeBy(desired: KubeObject, found: KubeObject): boolean {
  const served = (object: KubeObject): string =>
    JSON.stringify(
      ((object as Webhooks).webhooks ?? []).map(({ name, clientConfig: { service = {} } = {} }) => {
        const { namespace, name: of } = service as { namespace?: string; name?: string };
        return [name, namespace, of];
      }),
    );
  return isSelfMade(desired) && served(desired) === served(found);
}

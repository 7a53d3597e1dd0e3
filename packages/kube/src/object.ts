/** Kubernetes objects as JSON, and how the API addresses their kinds (apimachinery, meta/v1). */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: FieldSet;
}

/** fieldsV1: keys `f:<field>`, `k:{...}` (list element by its keys), `v:<value>`, `i:<index>` and "." (structured-merge-diff). */
export interface FieldSet {
  readonly [key: string]: FieldSet;
}

export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly managedFields?: readonly ManagedFields[];
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** Any object, its content still to be parsed. */
export interface UnknownObject extends KubeObject {
  readonly [field: string]: unknown;
}

/** How the API addresses one served kind. */
export interface ResourceName {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Lower-case path name: "daemonsets". */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** `T` is what callers trust its objects to be; parse at the door where the content is foreign. */
export interface Resource<T extends KubeObject = UnknownObject> extends ResourceName {
  /** Never set: it only carries the type. */
  readonly example?: T;
}

export const apiVersionOf = (resource: ResourceName): string =>
  resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;

/** A kind's name in messages: "DaemonSet apps/v1". */
export const kindText = (resource: ResourceName): string => `${resource.kind} ${apiVersionOf(resource)}`;

/** `namespace/name`, or `name` for a cluster-scoped object: client-go's key. */
export function objectKey(object: { readonly metadata: ObjectMeta }): string {
  const { namespace, name = "" } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** @returns namespace and name of a key; no namespace for a cluster-scoped object */
export function splitKey(key: string): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
